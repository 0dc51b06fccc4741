"""The customer of most tests, and customers as tensors of the Open Inference Protocol."""

CUSTOMER = {
    "customer_id": "C1",
    "age": 42,
    "tenure": 12,
    "monthly_charges": 70.5,
    "total_charges": 846.0,
}

DATATYPES = {
    "customer_id": "BYTES",
    "age": "INT64",
    "tenure": "INT64",
    "monthly_charges": "FP64",
    "total_charges": "FP64",
}


def tensors(customers):
    """One tensor for each field of the customers."""
    return [
        {
            "name": name,
            "shape": [len(customers)],
            "datatype": datatype,
            "data": [customer[name] for customer in customers],
        }
        for name, datatype in DATATYPES.items()
    ]
