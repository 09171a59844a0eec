"""Changes to whoever asked for them by HTTP: Standard Webhooks, one queue for each endpoint.

    Journal -> Intake (filters and rules) -> Queue (control.sqlite) -> Delivery (guard, signature) -> endpoint

Source: https://www.standardwebhooks.com
"""
