/** Rows as a file of the workspace or of the browser. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';
import * as React from 'react';

import { ExportDialog } from '../components/export';
import { Trans } from '../components/hooks';
import { ExportModel } from '../model/exporting';
import { IPlutoDuck } from '../tokens';
import { COMMANDS } from './names';

export const exporting: JupyterFrontEndPlugin<void> = {
  id: 'pluto-duck-labextension:export',
  description: 'Writes a table or an answer to a file, or hands it to the browser.',
  autoStart: true,
  requires: [IPlutoDuck],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, pluto: IPlutoDuck, translator: ITranslator | null): void => {
    const trans = (translator ?? nullTranslator).load('pluto_duck');
    app.commands.addCommand(COMMANDS.exportRows, {
      label: trans.__('Export …'),
      caption: trans.__('Write a table or the rows of a SELECT to a file'),
      isEnabled: () => pluto.connection.link.get().client !== null,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            table: { type: 'string', description: trans.__('The key of a table: schema.name') },
            sql: { type: 'string', description: trans.__('A SELECT, instead of a table') },
            title: { type: 'string' }
          }
        }
      },
      execute: args => {
        const table = pluto.data.state.get().tables?.find(one => one.key === args.table);
        const source = typeof args.sql === 'string' ? { sql: args.sql } : { table: String(args.table) };
        const name = String(args.title ?? table?.name ?? args.table ?? 'rows');
        const model = new ExportModel(() => pluto.connection.link.get().client, source, name, save);
        const place: Widget = ReactWidget.create(
          <Trans.Provider value={trans}>
            <ExportDialog model={model} onClose={() => place.dispose()} />
          </Trans.Provider>
        );
        place.addClass('pd-root');
        place.addClass('pd-floating');
        Widget.attach(place, document.body);
      }
    });
    pluto.connection.link.watch(() => app.commands.notifyCommandChanged(COMMANDS.exportRows));
  }
};

function save(name: string, parts: Uint8Array[]): void {
  const address = URL.createObjectURL(new Blob(parts as BlobPart[]));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
