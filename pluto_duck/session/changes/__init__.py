"""Reading changes: in the host, with the policy inside, whoever asks and from wherever."""
