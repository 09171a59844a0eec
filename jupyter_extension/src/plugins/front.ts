/** The notebook that a cell goes into: the one in front, else a new one. */

import { JupyterFrontEnd } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { NotebookPanel } from '@jupyterlab/notebook';
import { TranslationBundle } from '@jupyterlab/translation';

import { Connection } from '../kernel/connection';
import { COMMANDS } from './names';

/** Where there is none and none can be made, that is said. */
export async function intoNotebook(
  app: JupyterFrontEnd,
  connection: Connection,
  trans: TranslationBundle,
  act: (panel: NotebookPanel) => void
): Promise<void> {
  let { panel } = connection;
  if (!panel && app.commands.hasCommand(COMMANDS.newNotebook) && app.commands.isVisible(COMMANDS.newNotebook)) {
    const made: unknown = await app.commands.execute(COMMANDS.newNotebook);
    panel = made instanceof NotebookPanel ? made : null;
  }
  if (panel) {
    act(panel);
    app.shell.activateById(panel.id);
  } else {
    void Notification.warning(trans.__('There is no notebook to put the cell into: open one first.'));
  }
}
