"""`%pluto changes` in a real kernel: shown as a table, and followed in one place until the cell is interrupted."""

from __future__ import annotations

from pluto_duck.session import Session
from pluto_duck.workspace import Workspace
from tests.magics.conftest import Kernel


def test_a_cell_follows_changes_in_one_place_until_it_is_interrupted(kernel: Kernel, workspace: Workspace) -> None:
    kernel.run("%load_ext pluto_duck")
    kernel.run("%pluto sql CREATE TABLE orders (id INTEGER PRIMARY KEY, status VARCHAR)")
    assert kernel.run("%pluto changes track orders --before").error is None
    kernel.run("%pluto sql INSERT INTO orders VALUES (1, 'new')")
    [shown] = kernel.run("%pluto changes orders").data
    assert "id=1, status=new" in shown["text/plain"]
    assert "<table" in shown["text/html"]
    sent = kernel.send("%pluto changes follow orders")
    ids: list[str] = []
    with Session.open(workspace.root) as other:
        while len(ids) < 2:
            message = kernel.client.get_iopub_msg(timeout=120)
            if message["msg_type"] in ("display_data", "update_display_data"):
                ids.append(message["content"]["transient"]["display_id"])
                if len(ids) == 1:
                    other.query("UPDATE orders SET status = 'paid'")
                else:
                    assert message["msg_type"] == "update_display_data"
                    assert "status: new -> paid" in message["content"]["data"]["text/plain"]
    assert ids[0] == ids[1]
    kernel.manager.interrupt_kernel()
    error = kernel.wait(sent).error
    assert error is not None
    assert error["ename"] == "Cancelled"
    assert kernel.run("%pluto changes orders").error is None
