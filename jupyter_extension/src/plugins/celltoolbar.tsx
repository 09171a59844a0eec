/** Buttons on the active SQL cell: lay it out, show its plan, draw its rows. Other cells do not have them. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { MainAreaWidget, Notification } from '@jupyterlab/apputils';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { LabIcon, ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import { CellChart, Drawable } from '../components/cellchart';
import { Trans } from '../components/hooks';
import { labIcon } from '../components/icon';
import { PlanView } from '../components/plan';
import { chartLine, freeName, ourSql, withName, withSql } from '../model/cell';
import { Pending } from '../model/client';
import { told } from '../model/data';
import { Frame } from '../model/frames';
import { PlanStep } from '../model/plan';
import { insertCell } from '../notebook/cells';
import { IPlutoDuck } from '../tokens';
import { COMMANDS } from './names';

const ARGS = { args: { type: 'object', properties: { toolbar: { type: 'boolean' } } } } as const;
const formatIcon = labIcon('format');
const planIcon = labIcon('steps');
const chartIcon = labIcon('bars');

export const cellToolbar: JupyterFrontEndPlugin<void> = {
  id: 'pluto-duck-labextension:cell-toolbar',
  description: 'Format, plan and chart of %%pluto sql cells.',
  autoStart: true,
  requires: [IPlutoDuck, INotebookTracker],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    pluto: IPlutoDuck,
    tracker: INotebookTracker,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('pluto_duck');
    const { connection } = pluto;
    const commands = [COMMANDS.cellFormat, COMMANDS.cellPlan, COMMANDS.cellChart];
    const source = (): string => tracker.activeCell?.model.sharedModel.getSource() ?? '';
    const isSql = (): boolean => tracker.activeCell?.model.type === 'code' && ourSql(source()) !== null;
    const isReady = (): boolean =>
      isSql() && connection.link.get().status === 'ready' && connection.panel === tracker.currentWidget;

    // Typing the first line makes a cell one of SQL, or none.
    let was = false;
    let watched = tracker.activeCell?.model.sharedModel;
    const look = (): void => {
      if (isSql() !== was) {
        was = !was;
        commands.forEach(one => app.commands.notifyCommandChanged(one));
      }
    };
    tracker.activeCellChanged.connect((_sender, cell) => {
      watched?.changed.disconnect(look);
      watched = cell?.model.sharedModel;
      watched?.changed.connect(look);
      was = isSql();
      commands.forEach(one => app.commands.notifyCommandChanged(one));
    });
    connection.link.watch(() => commands.forEach(one => app.commands.notifyCommandChanged(one)));

    const ask = (op: string, content: Record<string, unknown>): Pending => {
      const { client } = connection.link.get();
      if (!client) {
        throw new Error(trans.__('There is no kernel to ask.'));
      }
      return client.request(op, content);
    };
    /** A tab below the notebook; what it still waits for is stopped when it is closed. */
    const open = (
      kind: string,
      panel: NotebookPanel,
      icon: LabIcon,
      label: string,
      view: (read: (op: string, content: Record<string, unknown>) => Promise<Frame>) => React.ReactElement
    ): void => {
      const running = new Set<Pending>();
      const read = async (op: string, content: Record<string, unknown>): Promise<Frame> => {
        const asked = ask(op, content);
        running.add(asked);
        try {
          return await asked.done;
        } catch (error) {
          throw new Error(told(error));
        } finally {
          running.delete(asked);
        }
      };
      const content = ReactWidget.create(<Trans.Provider value={trans}>{view(read)}</Trans.Provider>);
      content.addClass('pd-root');
      const id = `pluto-duck-${kind}-${panel.id}`;
      [...app.shell.widgets('main')].find(one => one.id === id)?.dispose();
      const widget = new MainAreaWidget({ content });
      widget.id = id;
      Object.assign(widget.title, { label, caption: label, icon, closable: true });
      widget.disposed.connect(() => running.forEach(one => one.cancel()));
      app.shell.add(widget, 'main', { mode: 'split-bottom', ref: panel.id });
    };

    app.commands.addCommand(COMMANDS.cellFormat, {
      label: args => (args.toolbar ? trans.__('Format') : trans.__('Format SQL')),
      caption: trans.__('Format the SQL of this cell'),
      icon: formatIcon,
      describedBy: ARGS,
      isVisible: isSql,
      isEnabled: isReady,
      execute: async () => {
        const cell = tracker.activeCell!;
        const before = source();
        try {
          const frame = await ask('format', { sql: ourSql(before)!.sql }).done;
          const after = withSql(before, String(frame.sql));
          if (after !== before && cell.model.sharedModel.getSource() === before) {
            cell.model.sharedModel.setSource(after);
          }
        } catch (error) {
          Notification.warning(`${trans.__('The SQL was not laid out')}: ${told(error)}`, { autoClose: 6000 });
        }
      }
    });
    app.commands.addCommand(COMMANDS.cellPlan, {
      label: args => (args.toolbar ? trans.__('Plan') : trans.__('Show Plan')),
      caption: trans.__('Show how DuckDB runs the SQL of this cell'),
      icon: planIcon,
      describedBy: ARGS,
      isVisible: isSql,
      isEnabled: isReady,
      execute: () => {
        const { sql } = ourSql(source())!;
        const number = tracker.activeCell?.model.type === 'code' ? promptOf(tracker) : '';
        const label = number ? trans.__('Plan of cell [%1]', number) : trans.__('Plan of a cell');
        open('plan', tracker.currentWidget!, planIcon, label, read => (
          <PlanView
            label={label}
            read={async measured => (await read('plan', { sql, measured })).plan as unknown as PlanStep}
          />
        ));
      }
    });
    app.commands.addCommand(COMMANDS.cellChart, {
      label: args => (args.toolbar ? trans.__('Chart') : trans.__('Draw Chart')),
      caption: trans.__('Draw the rows of this cell'),
      icon: chartIcon,
      describedBy: ARGS,
      isVisible: isSql,
      isEnabled: isReady,
      execute: () => {
        const panel = tracker.currentWidget!;
        const cell = tracker.activeCell!;
        const { sql } = ourSql(source())!;
        const number = promptOf(tracker);
        const label = number ? trans.__('Chart of cell [%1]', number) : trans.__('Chart of a cell');
        open('chart', panel, chartIcon, label, read => (
          <CellChart
            label={label}
            read={async () => (await read('draw', { sql })) as unknown as Drawable}
            insert={spec => {
              if (cell.isDisposed || panel.isDisposed) {
                return;
              }
              const there = ourSql(cell.model.sharedModel.getSource());
              const free = freeName(panel.content.widgets.map(one => one.model.sharedModel.getSource()));
              const name = there?.name || free;
              if (there && !there.name) {
                cell.model.sharedModel.setSource(withName(cell.model.sharedModel.getSource(), name));
                Notification.info(trans.__('Run that cell again: its rows are called %1 now.', name), {
                  autoClose: 8000
                });
              }
              panel.content.activeCellIndex = panel.content.widgets.indexOf(cell);
              insertCell(panel, chartLine(name, spec));
              app.shell.activateById(panel.id);
            }}
          />
        ));
      }
    });
  }
};

const promptOf = (tracker: INotebookTracker): string => {
  const model = tracker.activeCell?.model as { executionCount?: number | null } | undefined;
  return model?.executionCount ? String(model.executionCount) : '';
};
