/** The load history, in a tab of the main area. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { MainAreaWidget } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import { Trans } from '../components/hooks';
import { historyIcon } from '../components/icon';
import { Loads } from '../components/loads';
import { LoadsModel } from '../model/loads';
import { IPlutoDuck } from '../tokens';
import { COMMANDS } from './names';

export const loads: JupyterFrontEndPlugin<void> = {
  id: 'pluto-duck-labextension:loads',
  description: 'What was loaded into the workspace, when and from where, in a tab.',
  autoStart: true,
  requires: [IPlutoDuck],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, pluto: IPlutoDuck, translator: ITranslator | null): void => {
    const trans = (translator ?? nullTranslator).load('pluto_duck');
    const model = new LoadsModel(
      () => pluto.connection.link.get().client,
      () => pluto.connection.link.get().hello?.workspace.root ?? ''
    );
    const run = (command: string, args: Record<string, string> = {}): void => {
      if (app.commands.hasCommand(command)) {
        void app.commands.execute(command, args);
      }
    };
    let widget: MainAreaWidget | null = null;
    let tables = pluto.data.state.get().tables;
    const follow = (): void => {
      if (widget && !widget.isDisposed && tables !== pluto.data.state.get().tables) {
        tables = pluto.data.state.get().tables;
        void model.refresh();
      }
    };
    pluto.data.state.watch(follow);
    let running = false;
    pluto.ingest.state.watch(() => {
      if (running !== pluto.ingest.running) {
        running = pluto.ingest.running;
        if (widget && !widget.isDisposed) {
          void model.refresh();
        }
      }
    });
    app.commands.addCommand(COMMANDS.loads, {
      label: trans.__('Load History'),
      caption: trans.__('What was loaded, when, from where, and what failed'),
      icon: historyIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => {
        void model.refresh();
        if (!widget || widget.isDisposed) {
          const content = ReactWidget.create(
            <Trans.Provider value={trans}>
              <Loads
                model={model}
                actions={{
                  again: load => run(COMMANDS.reload, { table: load.table }),
                  preview: (table, title) => run(COMMANDS.preview, { table, title }),
                  add: () => run(COMMANDS.addData)
                }}
              />
            </Trans.Provider>
          );
          content.addClass('pd-root');
          widget = new MainAreaWidget({ content });
          widget.id = 'pluto-duck-loads';
          widget.title.label = trans.__('Load history');
          widget.title.icon = historyIcon;
          widget.title.closable = true;
          app.shell.add(widget, 'main');
        }
        app.shell.activateById(widget.id);
      }
    });
  }
};
