"""A lane beside the handlers, for the requests that applications send most: rows by their keys, with an API key.

    Router -> Gate: is every rule that the handler would apply known to say yes? -> the desk of the rows -> Answers

The gate says yes to nothing that the handler would refuse, and asks the same objects: the record of the key, its rates,
its scopes, the host, the policy in the host process. Whatever it is not certain of, and every answer but a good one, is
the handler's, which begins at the beginning. So the lane holds no rule of its own.
"""
