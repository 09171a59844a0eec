/** Models: dbt is run and watched in a tab of the main area. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { MainAreaWidget, Notification } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import { Builds } from '../components/builds';
import { Trans } from '../components/hooks';
import { buildIcon } from '../components/icon';
import { plain } from '../model/format';
import { IPlutoDuck } from '../tokens';
import { fileIn } from './front';
import { COMMANDS, offered } from './names';

export const dbt: JupyterFrontEndPlugin<void> = {
  id: 'pluto-duck-labextension:dbt',
  description: 'Runs dbt in the workspace and shows it node by node, in a tab.',
  autoStart: true,
  requires: [IPlutoDuck],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, pluto: IPlutoDuck, translator: ITranslator | null): void => {
    const trans = (translator ?? nullTranslator).load('pluto_duck');
    const model = pluto.builds;
    let widget: MainAreaWidget | null = null;
    const shown = (): boolean => widget !== null && !widget.isDisposed && widget.isVisible;
    const show = (): void => {
      void model.look();
      void model.refresh();
      if (!widget || widget.isDisposed) {
        const content = ReactWidget.create(
          <Trans.Provider value={trans}>
            <Builds
              model={model}
              actions={{
                get schedules() {
                  return offered(app, COMMANDS.schedules, () => void app.commands.execute(COMMANDS.schedules));
                },
                preview: (table, title) => {
                  if (app.commands.hasCommand(COMMANDS.preview)) {
                    void app.commands.execute(COMMANDS.preview, { table, title });
                  }
                },
                file: (build, path) => fileIn(app, pluto, build.folder, path)
              }}
            />
          </Trans.Provider>
        );
        content.addClass('pd-root');
        widget = new MainAreaWidget({ content });
        widget.id = 'pluto-duck-dbt';
        widget.title.label = trans.__('Models');
        widget.title.caption = trans.__('Models of the workspace, by dbt');
        widget.title.icon = buildIcon;
        widget.title.closable = true;
        app.shell.add(widget, 'main');
        if (!widget.isAttached) {
          content.addClass('pd-below');
          app.shell.add(widget, 'down');
        }
      }
      app.shell.activateById(widget.id);
    };
    model.onEnd = build => {
      // What its tests found is known only now, after the last change of a table.
      void pluto.about.look(pluto.data.state.get().open);
      if (shown()) {
        return;
      }
      const options = { actions: [{ label: trans.__('Show'), callback: show }] };
      if (build.state === 'succeeded') {
        Notification.success(trans.__('%1: done', plain(build.text)), options);
      } else if (build.state === 'failed') {
        Notification.error(trans.__('%1: failed', plain(build.text)), options);
      }
    };
    app.commands.addCommand(COMMANDS.dbt, {
      label: trans.__('Run dbt …'),
      caption: trans.__('Build the models of a dbt project in the workspace, and watch it'),
      icon: buildIcon,
      isEnabled: () => model.ready,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: show
    });
    pluto.connection.link.watch(() => {
      app.commands.notifyCommandChanged(COMMANDS.dbt);
      if (shown() && pluto.connection.link.get().client) {
        void model.look();
      }
    });
  }
};
