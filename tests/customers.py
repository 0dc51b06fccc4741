"""The customer of most tests."""

CUSTOMER = {
    "customer_id": "C1",
    "age": 42,
    "tenure": 12,
    "monthly_charges": 70.5,
    "total_charges": 846.0,
}
