/** The data panel, in the left area. */

import { ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import { DataActions, DataPanel } from '../components/data';
import { Trans } from '../components/hooks';
import { dataIcon } from '../components/icon';
import { Table } from '../model/frames';
import { cellOf, nameOf, quoted, selectOf } from '../model/sql';
import { insertCell, insertText, loadExtension } from '../notebook/cells';
import { IPlutoDuck } from '../tokens';
import { fileIn, intoNotebook } from './front';
import { COMMANDS, offered } from './names';

export const data: JupyterFrontEndPlugin<void> = {
  id: 'pluto-duck-labextension:data',
  description: 'The tables of the workspace, in the left area.',
  autoStart: true,
  requires: [IPlutoDuck],
  optional: [ITranslator, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    pluto: IPlutoDuck,
    translator: ITranslator | null,
    restorer: ILayoutRestorer | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('pluto_duck');
    const { connection } = pluto;
    const inPanel = (act: (panel: NonNullable<typeof connection.panel>) => void) => (): void => {
      if (connection.panel) {
        act(connection.panel);
      }
    };
    const actions: DataActions = {
      load: inPanel(loadExtension),
      retry: () => connection.retry(),
      insertName: name => inPanel(panel => insertText(panel, quoted(name)))(),
      insertSql: sql => inPanel(panel => insertText(panel, sql))(),
      insertQuery: table =>
        void intoNotebook(app, connection, trans, panel => insertCell(panel, cellOf(selectOf(table)))),
      get preview() {
        const open = (table: Table): void => void app.commands.execute(COMMANDS.preview, { table: table.key });
        return offered(app, COMMANDS.preview, open);
      },
      get ask() {
        const begin = (table: Table): void => void app.commands.execute(COMMANDS.ask, { about: nameOf(table) });
        return offered(app, COMMANDS.ask, begin);
      },
      get add() {
        const show = (from: Record<string, string> = {}): void => void app.commands.execute(COMMANDS.addData, from);
        return offered(app, COMMANDS.addData, show);
      },
      get history() {
        return offered(app, COMMANDS.loads, () => void app.commands.execute(COMMANDS.loads));
      },
      get dbt() {
        return offered(app, COMMANDS.dbt, () => void app.commands.execute(COMMANDS.dbt));
      },
      get lineage() {
        const show = (table: Table): void => void app.commands.execute(COMMANDS.lineage, { table: table.key });
        return offered(app, COMMANDS.lineage, show);
      },
      get impact() {
        const show = (table: Table): void => void app.commands.execute(COMMANDS.impact, { table: table.key });
        return offered(app, COMMANDS.impact, show);
      },
      get rows() {
        const show = (sql: string, title: string): void => void app.commands.execute(COMMANDS.preview, { sql, title });
        return offered(app, COMMANDS.preview, show);
      },
      file: (folder, path) => fileIn(app, pluto, folder, path),
      reveal: key => {
        pluto.data.reveal(key);
        requestAnimationFrame(() => {
          const row = panel.node.querySelector<HTMLElement>(`[data-pd-row="${CSS.escape(key)}"]`);
          row?.scrollIntoView({ block: 'nearest' });
          row?.focus();
        });
      },
      menu: row => {
        const place = row.getBoundingClientRect();
        const at = { clientX: place.left + 24, clientY: place.bottom - 4, bubbles: true, cancelable: true };
        row.dispatchEvent(new MouseEvent('contextmenu', at));
        const back = (): void => {
          app.contextMenu.menu.aboutToClose.disconnect(back);
          requestAnimationFrame(() => document.activeElement === document.body && row.isConnected && row.focus());
        };
        app.contextMenu.menu.aboutToClose.connect(back);
      }
    };
    const panel = ReactWidget.create(
      <Trans.Provider value={trans}>
        <DataPanel
          model={pluto.data}
          ingest={pluto.ingest}
          builds={pluto.builds}
          about={pluto.about}
          link={connection.link}
          actions={actions}
        />
      </Trans.Provider>
    );
    panel.id = 'pluto-duck-data';
    panel.addClass('pd-root');
    panel.title.icon = dataIcon;
    panel.title.caption = trans.__('Data (pluto-duck)');
    app.shell.add(panel, 'left', { rank: 150 });
    restorer?.add(panel, panel.id);
    app.commands.addCommand(COMMANDS.showData, {
      label: trans.__('Show Data'),
      caption: trans.__('The tables of the workspace of this notebook'),
      icon: dataIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => app.shell.activateById(panel.id)
    });
    app.commands.addCommand(COMMANDS.refresh, {
      label: trans.__('Look at the Tables Again'),
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => {
        connection.retry();
        return pluto.data.refresh();
      }
    });
  }
};
