/** Where a table comes from and what hangs on it: a picture in a tab, and what would break without it. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { MainAreaWidget } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';
import * as React from 'react';

import { ImpactDialog } from '../components/about';
import { Trans } from '../components/hooks';
import { buildIcon } from '../components/icon';
import { LineageView } from '../components/lineage';
import { cut, plain } from '../model/format';
import { IPlutoDuck } from '../tokens';
import { COMMANDS } from './names';

export const lineage: JupyterFrontEndPlugin<void> = {
  id: 'pluto-duck-labextension:lineage',
  description: 'Shows where a table comes from, and what would break without it.',
  autoStart: true,
  requires: [IPlutoDuck],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, pluto: IPlutoDuck, translator: ITranslator | null): void => {
    const trans = (translator ?? nullTranslator).load('pluto_duck');
    const model = pluto.about;
    const open = new Map<string, MainAreaWidget>();
    let place: Widget | null = null;
    const describedBy = {
      args: {
        type: 'object',
        properties: {
          table: { type: 'string', description: trans.__('The key of a table: schema.name') },
          column: { type: 'string', description: trans.__('One of its columns') }
        },
        required: ['table']
      }
    };
    const asked = (args: Record<string, unknown>): { table: string; column: string; name: string } => {
      const table = String(args.table);
      const column = typeof args.column === 'string' ? args.column : '';
      const known = pluto.data.state.get().tables?.find(one => one.key === table)?.name ?? table;
      return { table, column, name: column ? `${known}.${column}` : known };
    };
    app.commands.addCommand(COMMANDS.impact, {
      label: trans.__('What Breaks without It'),
      describedBy,
      execute: args => {
        if (!place) {
          place = ReactWidget.create(
            <Trans.Provider value={trans}>
              <ImpactDialog model={model} />
            </Trans.Provider>
          );
          place.addClass('pd-root');
          place.addClass('pd-floating');
          Widget.attach(place, document.body);
        }
        const { table, column, name } = asked(args);
        return model.without(table, column, name);
      }
    });
    app.commands.addCommand(COMMANDS.lineage, {
      label: trans.__('Lineage'),
      icon: buildIcon,
      describedBy,
      execute: args => {
        const { table, column, name } = asked(args);
        const key = `${pluto.connection.link.get().hello?.workspace.root ?? ''}\u0000${table}\u0000${column}`;
        const there = open.get(key);
        if (there && !there.isDisposed) {
          app.shell.activateById(there.id);
          return;
        }
        const content = ReactWidget.create(
          <Trans.Provider value={trans}>
            <LineageView
              table={table}
              column={column}
              name={name}
              model={model}
              onOpen={other => void app.commands.execute(COMMANDS.lineage, { table: other })}
            />
          </Trans.Provider>
        );
        content.addClass('pd-root');
        const widget = new MainAreaWidget({ content });
        widget.id = `pluto-duck-lineage-${open.size}`;
        widget.title.label = cut(trans.__('Lineage of %1', plain(name)), 28);
        widget.title.caption = trans.__('Lineage of %1', plain(name));
        widget.title.icon = buildIcon;
        widget.title.closable = true;
        open.set(key, widget);
        app.shell.add(widget, 'main');
        if (!widget.isAttached) {
          content.addClass('pd-below');
          app.shell.add(widget, 'down');
        }
        app.shell.activateById(widget.id);
      }
    });
  }
};
