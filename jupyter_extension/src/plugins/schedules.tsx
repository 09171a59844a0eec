/** Schedules, in a tab of the main area. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { MainAreaWidget } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import { Trans } from '../components/hooks';
import { clockIcon } from '../components/icon';
import { SchedulesView } from '../components/schedules';
import { SchedulesModel } from '../model/schedules';
import { IPlutoDuck } from '../tokens';
import { COMMANDS } from './names';

export const schedules: JupyterFrontEndPlugin<void> = {
  id: 'pluto-duck-labextension:schedules',
  description: 'What runs by itself in the workspace, in a tab.',
  autoStart: true,
  requires: [IPlutoDuck],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, pluto: IPlutoDuck, translator: ITranslator | null): void => {
    const trans = (translator ?? nullTranslator).load('pluto_duck');
    const model = new SchedulesModel(() => pluto.connection.link.get().client);
    let widget: MainAreaWidget | null = null;
    let client = pluto.connection.link.get().client;
    pluto.connection.link.watch(() => {
      const now = pluto.connection.link.get().client;
      if (now !== client) {
        client = now;
        if (now && widget && !widget.isDisposed) {
          void model.refresh();
        }
      }
    });
    app.commands.addCommand(COMMANDS.schedules, {
      label: trans.__('Schedules'),
      caption: trans.__('What runs by itself, when next, and how it went'),
      icon: clockIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => {
        void model.refresh();
        if (!widget || widget.isDisposed) {
          const content = ReactWidget.create(
            <Trans.Provider value={trans}>
              <SchedulesView model={model} />
            </Trans.Provider>
          );
          content.addClass('pd-root');
          widget = new MainAreaWidget({ content });
          widget.id = 'pluto-duck-schedules';
          widget.title.label = trans.__('Schedules');
          widget.title.icon = clockIcon;
          widget.title.closable = true;
          app.shell.add(widget, 'main');
          if (!widget.isAttached) {
            content.addClass('pd-below');
            app.shell.add(widget, 'down');
          }
        }
        app.shell.activateById(widget.id);
      }
    });
  }
};
