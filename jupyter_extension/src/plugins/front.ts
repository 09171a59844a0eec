/** What several plugins do in Lab: a cell into the notebook in front, a file in an editor. */

import { JupyterFrontEnd } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { PageConfig } from '@jupyterlab/coreutils';
import { NotebookPanel } from '@jupyterlab/notebook';
import { TranslationBundle } from '@jupyterlab/translation';

import { Connection } from '../kernel/connection';
import { jupyterPath } from '../model/builds';
import { IPlutoDuck } from '../tokens';
import { COMMANDS } from './names';

/** Into the one in front, else a new one. Where there is none and none can be made, that is said. */
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

/** Of a document that Lab opens in its text editor, what is used here. */
interface Opened {
  context?: { ready: Promise<void> };
  content?: {
    editor?: {
      setCursorPosition(position: { line: number; column: number }): void;
      revealPosition(position: { line: number; column: number }): void;
      focus(): void;
    };
  };
}

/** What opens a file, with the cursor in a line; undefined where Jupyter does not show that folder. */
export function fileIn(
  app: JupyterFrontEnd,
  pluto: IPlutoDuck,
  folder: string,
  name: string
): ((line?: number | null) => void) | undefined {
  const home = pluto.connection.link.get().hello?.home ?? '';
  const path = jupyterPath(PageConfig.getOption('serverRoot'), home, `${folder}/${name}`);
  if (!path || !app.commands.hasCommand('docmanager:open')) {
    return undefined;
  }
  return line => void openAt(app, path, line);
}

async function openAt(app: JupyterFrontEnd, path: string, line?: number | null): Promise<void> {
  const made = (await app.commands.execute('docmanager:open', { path, factory: 'Editor' })) as Opened | undefined;
  await made?.context?.ready;
  const editor = made?.content?.editor;
  if (editor && line) {
    const position = { line: line - 1, column: 0 };
    editor.setCursorPosition(position);
    editor.revealPosition(position);
    editor.focus();
  }
}
