/** Add data: a dialog, and tables that are loaded again. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';
import * as React from 'react';

import { Trans } from '../components/hooks';
import { dataIcon } from '../components/icon';
import { IngestDialog } from '../components/ingest';
import { plain, whole } from '../model/format';
import { IPlutoDuck } from '../tokens';
import { COMMANDS } from './names';

export const ingest: JupyterFrontEndPlugin<void> = {
  id: 'pluto-duck-labextension:ingest',
  description: 'Brings data in: from files, databases and addresses, by a dialog.',
  autoStart: true,
  requires: [IPlutoDuck],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, pluto: IPlutoDuck, translator: ITranslator | null): void => {
    const trans = (translator ?? nullTranslator).load('pluto_duck');
    const model = pluto.ingest;
    const run = (command: string, args: Record<string, string> = {}): void => {
      if (app.commands.hasCommand(command)) {
        void app.commands.execute(command, args);
      }
    };
    const actions = {
      preview: (table: string, title: string) => run(COMMANDS.preview, { table, title }),
      ask: (about: string) => run(COMMANDS.ask, { about }),
      history: () => {
        model.hide();
        run(COMMANDS.loads);
      }
    };
    let place: Widget | null = null;
    const mount = (): void => {
      if (place) {
        return;
      }
      place = ReactWidget.create(
        <Trans.Provider value={trans}>
          <IngestDialog model={model} actions={actions} />
        </Trans.Provider>
      );
      place.addClass('pd-root');
      place.addClass('pd-floating');
      Widget.attach(place, document.body);
    };
    model.state.watch(() => model.state.get().open && mount());
    model.onEnd = ended => {
      if (!model.state.get().open && ended.state === 'done') {
        Notification.success(trans.__('%1: %2 rows loaded', plain(ended.what), whole(ended.rows)));
      }
    };
    app.commands.addCommand(COMMANDS.addData, {
      label: trans.__('Add Data …'),
      caption: trans.__('Load a file, tables of a database or an address into the workspace'),
      icon: dataIcon,
      isEnabled: () => model.ready,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            source: { type: 'string', description: trans.__('A path or an address to begin with') },
            connection: { type: 'string', description: trans.__('The name of a saved connection') }
          }
        }
      },
      execute: args =>
        model.show({
          ...(typeof args.source === 'string' ? { source: args.source } : {}),
          ...(typeof args.connection === 'string' ? { connection: args.connection } : {})
        })
    });
    app.commands.addCommand(COMMANDS.reload, {
      label: trans.__('Refresh from Source'),
      caption: trans.__('Load a table again from where it came'),
      isEnabled: () => model.ready && !model.running,
      describedBy: { args: { type: 'object', properties: { table: { type: 'string' } }, required: ['table'] } },
      execute: args => {
        const key = String(args.table);
        const table = pluto.data.state.get().tables?.find(one => one.key === key);
        model.reload(key, table?.name ?? key);
        model.reopen();
      }
    });
    pluto.connection.link.watch(() => {
      app.commands.notifyCommandChanged(COMMANDS.addData);
      app.commands.notifyCommandChanged(COMMANDS.reload);
    });
  }
};
