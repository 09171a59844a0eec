/** What can be done with a table or a column, by the right mouse button, the menu key or Shift+F10. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Clipboard } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { Table } from '../model/frames';
import { cellOf, nameOf, quoted, selectOf } from '../model/sql';
import { insertCell, insertText } from '../notebook/cells';
import { IPlutoDuck } from '../tokens';
import { intoNotebook } from './front';
import { COMMANDS } from './names';

const ROW = '#pluto-duck-data [data-pd-row]';

export const menu: JupyterFrontEndPlugin<void> = {
  id: 'pluto-duck-labextension:menu',
  description: 'The menu of tables and columns in the data panel.',
  autoStart: true,
  requires: [IPlutoDuck],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, pluto: IPlutoDuck, translator: ITranslator | null): void => {
    const trans = (translator ?? nullTranslator).load('pluto_duck');
    const describedBy = { args: { type: 'object', properties: {} } } as const;
    /** What the menu was opened on. */
    const hit = (): { table: Table; column: string } | null => {
      const node = app.contextMenuHitTest(one => one.dataset.pdRow !== undefined);
      const [key, column] = (node?.dataset.pdRow ?? '').split('\u0000');
      const table = pluto.data.state.get().tables?.find(one => one.key === key);
      return table ? { table, column: column ?? '' } : null;
    };
    const name = (found: { table: Table; column: string }): string =>
      found.column ? quoted(found.column) : nameOf(found.table);
    const panel = (): NonNullable<typeof pluto.connection.panel> | null => pluto.connection.panel;
    const pass = (command: string, args: Record<string, string>): void => {
      if (app.commands.hasCommand(command)) {
        void app.commands.execute(command, args);
      }
    };
    const add = (
      id: string,
      label: string,
      work: (found: { table: Table; column: string }) => void,
      visible: (found: { table: Table; column: string }) => boolean = () => true
    ): void => {
      app.commands.addCommand(id, {
        label,
        describedBy,
        isVisible: () => {
          const found = hit();
          return found !== null && visible(found);
        },
        execute: () => {
          const found = hit();
          if (found) {
            work(found);
          }
        }
      });
    };
    const whole = (found: { column: string }): boolean => !found.column;
    add(COMMANDS.rowPreview, trans.__('Preview'), found => pass(COMMANDS.preview, { table: found.table.key }), whole);
    add(COMMANDS.rowAsk, trans.__('Ask About It'), found =>
      pass(COMMANDS.ask, { about: found.column ? `${name(found)} of ${nameOf(found.table)}` : nameOf(found.table) })
    );
    add(COMMANDS.rowProfile, trans.__('Profile'), found => pluto.data.profile(found.table.key), whole);
    add(COMMANDS.rowName, trans.__('Insert Name'), found => panel() && insertText(panel()!, name(found)));
    add(COMMANDS.rowQuery, trans.__('Insert Query as Cell'), found => {
      const sql = found.column
        ? `SELECT ${name(found)}, count(*) AS n\nFROM ${nameOf(found.table)}\nGROUP BY ALL\nORDER BY n DESC\nLIMIT 100`
        : selectOf(found.table);
      void intoNotebook(app, pluto.connection, trans, panel => insertCell(panel, cellOf(sql)));
    });
    add(COMMANDS.rowCopy, trans.__('Copy Name'), found => Clipboard.copyToSystem(name(found)));
    add(
      COMMANDS.rowExport,
      trans.__('Export …'),
      found => pass(COMMANDS.exportRows, { table: found.table.key }),
      found => whole(found) && app.commands.hasCommand(COMMANDS.exportRows)
    );
    add(
      COMMANDS.rowReload,
      trans.__('Refresh from Source'),
      found => pass(COMMANDS.reload, { table: found.table.key }),
      found => whole(found) && !!found.table.source && app.commands.hasCommand(COMMANDS.reload)
    );
    const whereOf = (found: { table: Table; column: string }): Record<string, string> => ({
      table: found.table.key,
      ...(found.column ? { column: found.column } : {})
    });
    for (const [row, command, label] of [
      [COMMANDS.rowLineage, COMMANDS.lineage, trans.__('Lineage')],
      [COMMANDS.rowImpact, COMMANDS.impact, trans.__('What Breaks without It')]
    ] as const) {
      add(
        row,
        label,
        found => pass(command, whereOf(found)),
        found => found.table.kind !== 'frame' && app.commands.hasCommand(command)
      );
    }
    const items = [
      [COMMANDS.rowPreview, COMMANDS.rowAsk, COMMANDS.rowProfile],
      [COMMANDS.rowName, COMMANDS.rowQuery, COMMANDS.rowCopy],
      [COMMANDS.rowLineage, COMMANDS.rowImpact],
      [COMMANDS.rowExport, COMMANDS.rowReload]
    ];
    items.forEach((group, at) => {
      group.forEach((command, place) => {
        app.contextMenu.addItem({ command, selector: ROW, rank: 10 * at + place });
      });
      if (at < items.length - 1) {
        app.contextMenu.addItem({ type: 'separator', selector: ROW, rank: 10 * at + 9 });
      }
    });
  }
};
