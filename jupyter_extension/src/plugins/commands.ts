/** Where the commands are found: the palette, the launcher, the keyboard (in the schema). */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { IPlutoDuck } from '../tokens';
import { COMMANDS } from './names';

export const commands: JupyterFrontEndPlugin<void> = {
  id: 'pluto-duck-labextension:plugin',
  description: 'Commands of pluto-duck in the palette and the launcher, and its settings.',
  autoStart: true,
  requires: [IPlutoDuck],
  optional: [ITranslator, ICommandPalette, ILauncher, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    pluto: IPlutoDuck,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    launcher: ILauncher | null,
    settings: ISettingRegistry | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('pluto_duck');
    app.commands.addCommand(COMMANDS.refresh, {
      label: trans.__('Look at the Tables Again'),
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => {
        pluto.connection.retry();
        return pluto.data.refresh();
      }
    });
    const category = 'pluto-duck';
    for (const command of [
      COMMANDS.showData,
      COMMANDS.showChat,
      COMMANDS.newConversation,
      COMMANDS.showApprovals,
      COMMANDS.stop,
      COMMANDS.refresh
    ]) {
      palette?.addItem({ command, category });
    }
    launcher?.add({ command: COMMANDS.showData, category: trans.__('Other'), rank: 1 });
    void settings?.load(commands.id).then(
      loaded => {
        const open = (): void => {
          if (loaded.get('openAtStart').composite === true) {
            void app.restored.then(() => app.commands.execute(COMMANDS.showData));
          }
        };
        open();
      },
      error => console.warn('The settings of pluto-duck could not be read.', error)
    );
  }
};
