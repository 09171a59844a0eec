/** A notebook with pluto-duck loaded and its panels open: a command, and a card of the launcher. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILauncher } from '@jupyterlab/launcher';
import { NotebookPanel } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { dataIcon } from '../components/icon';
import { loadExtension } from '../notebook/cells';
import { COMMANDS } from './names';

const CREATE = 'notebook:create-new';

export const launcher: JupyterFrontEndPlugin<void> = {
  id: 'pluto-duck-labextension:launcher',
  description: 'A card of the launcher: a notebook with pluto-duck loaded.',
  autoStart: true,
  optional: [ITranslator, ILauncher],
  activate: (app: JupyterFrontEnd, translator: ITranslator | null, there: ILauncher | null): void => {
    const trans = (translator ?? nullTranslator).load('pluto_duck');
    app.commands.addCommand(COMMANDS.newNotebook, {
      label: args => (args.isPalette ? trans.__('New Notebook with pluto-duck') : trans.__('pluto-duck Notebook')),
      caption: trans.__('A notebook with pluto-duck loaded, beside its data and the chat'),
      icon: dataIcon,
      describedBy: {
        args: {
          type: 'object',
          properties: { cwd: { type: 'string', description: trans.__('The folder of the notebook') } }
        }
      },
      isVisible: () => app.commands.hasCommand(CREATE),
      execute: async args => {
        const cwd = typeof args.cwd === 'string' ? args.cwd : '';
        const made: unknown = await app.commands.execute(CREATE, { cwd, kernelName: await python(app) });
        if (made instanceof NotebookPanel) {
          await made.sessionContext.ready;
          loadExtension(made);
        }
        for (const command of [COMMANDS.showChat, COMMANDS.showData]) {
          if (app.commands.hasCommand(command)) {
            await app.commands.execute(command);
          }
        }
        return made;
      }
    });
    there?.add({
      command: COMMANDS.newNotebook,
      // Lab's own word, so that it stands in Lab's own group; in that of notebooks only kernels have icons.
      category: (translator ?? nullTranslator).load('jupyterlab').__('Other'),
      rank: 0
    });
  }
};

/** The kernel that notebooks start with, if it is a Python; else the first that is one. */
async function python(app: JupyterFrontEnd): Promise<string> {
  const { kernelspecs } = app.serviceManager;
  await kernelspecs.ready;
  const specs = kernelspecs.specs;
  const usual = specs?.default ?? '';
  const all = Object.values(specs?.kernelspecs ?? {});
  const found = [specs?.kernelspecs[usual], ...all].find(one => /^i?python/i.test(one?.language ?? ''));
  return found?.name ?? usual;
}
