/** Tables and results in tabs of the main area. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Clipboard, MainAreaWidget } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import { Trans } from '../components/hooks';
import { tableIcon } from '../components/icon';
import { Preview } from '../components/preview';
import { Client } from '../model/client';
import { cut, plain } from '../model/format';
import { Pages, Source } from '../model/pages';
import { IPlutoDuck } from '../tokens';
import { COMMANDS, offered } from './names';

export const preview: JupyterFrontEndPlugin<void> = {
  id: 'pluto-duck-labextension:preview',
  description: 'The rows of a table or an answer, in a tab.',
  autoStart: true,
  requires: [IPlutoDuck],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, pluto: IPlutoDuck, translator: ITranslator | null): void => {
    const trans = (translator ?? nullTranslator).load('pluto_duck');
    const open = new Map<string, MainAreaWidget>();
    app.commands.addCommand(COMMANDS.preview, {
      label: trans.__('Preview Table'),
      icon: tableIcon,
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
        const root = pluto.connection.link.get().hello?.workspace.root ?? '';
        const source: Source = typeof args.sql === 'string' ? { sql: args.sql } : { table: String(args.table) };
        const key = `${root}\u0000${JSON.stringify(source)}`;
        const there = open.get(key);
        if (there && !there.isDisposed) {
          app.shell.activateById(there.id);
          return;
        }
        const table = pluto.data.state.get().tables?.find(one => one.key === args.table);
        // How many rows a view has is not known before they are read.
        const rows = table && table.kind === 'table' ? table.rows : null;
        const { link } = pluto.connection;
        // Another notebook may be in front by then, and a table of the same name in its workspace.
        const here = (): Client | null => (link.get().hello?.workspace.root === root ? link.get().client : null);
        const pages = new Pages(here, source, rows);
        pages.nobody = trans.__('Nothing is connected to this workspace now: %1', root);
        let client = here();
        const off = link.watch(() => {
          const now = here();
          if (now && now !== client) {
            pages.resume();
          }
          client = now;
        });
        const title = plain(String(args.title ?? table?.name ?? args.table));
        const content = ReactWidget.create(
          <Trans.Provider value={trans}>
            <Preview
              pages={pages}
              label={title}
              onCopy={text => Clipboard.copyToSystem(text)}
              onExport={offered(app, COMMANDS.exportRows, () => {
                const name = String(args.title ?? table?.name ?? 'rows');
                void app.commands.execute(COMMANDS.exportRows, { ...source, title: name });
              })}
            />
          </Trans.Provider>
        );
        content.addClass('pd-root');
        const widget = new MainAreaWidget({ content });
        widget.id = `pluto-duck-preview-${open.size}`;
        widget.title.label = cut(title, 28);
        widget.title.caption = title;
        widget.title.icon = tableIcon;
        widget.title.closable = true;
        widget.disposed.connect(off);
        open.set(key, widget);
        app.shell.add(widget, 'main');
        if (!widget.isAttached) {
          // Notebook 7 has one document in its middle; what is below it opens as high as it must.
          content.addClass('pd-below');
          app.shell.add(widget, 'down');
        }
        app.shell.activateById(widget.id);
      }
    });
  }
};
