"""Who may see and do what: `policy.yaml` in the root of a workspace.

The model needs pydantic, which costs more than most statements: it is imported where a policy is read, never before.
"""

from pluto_duck.governance.policy.file import FILE, NO_POLICY, InForce, PolicyFile

__all__ = ["FILE", "NO_POLICY", "InForce", "PolicyFile"]
