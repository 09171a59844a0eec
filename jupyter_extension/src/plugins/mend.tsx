/** A cell whose SQL failed offers to explain and mend itself. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Cell, CodeCell } from '@jupyterlab/cells';
import { INotebookTracker, NotebookActions, NotebookPanel } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator, TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import { PanelLayout, Widget } from '@lumino/widgets';
import * as React from 'react';

import { Trans } from '../components/hooks';
import { MendActions, MendBar } from '../components/mend';
import { ourSql, withSql } from '../model/cell';
import { failureOf, MendModel } from '../model/mend';
import { IPlutoDuck } from '../tokens';

export const mend: JupyterFrontEndPlugin<void> = {
  id: 'pluto-duck-labextension:mend',
  description: 'Explains the error of a failed %%pluto sql cell and proposes a change, which a click applies.',
  autoStart: true,
  requires: [IPlutoDuck, INotebookTracker],
  optional: [ITranslator],
  activate: (
    _: JupyterFrontEnd,
    pluto: IPlutoDuck,
    tracker: INotebookTracker,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('pluto_duck');
    const bars = new WeakMap<Cell, Widget>();
    const update = (cell: Cell | null | undefined, panel: NotebookPanel | null): void => {
      if (!(cell instanceof CodeCell) || !panel || panel !== pluto.connection.panel) {
        return;
      }
      bars.get(cell)?.dispose();
      bars.delete(cell);
      const error = failureOf(cell.model.sharedModel.getSource(), cell.model.outputs.toJSON());
      if (error) {
        const bar = made(pluto, panel, cell, error, trans);
        (cell.layout as PanelLayout).addWidget(bar);
        bars.set(cell, bar);
      }
    };
    NotebookActions.executed.connect((_sender, { cell, notebook }) => {
      const panel = tracker.currentWidget;
      update(cell, panel?.content === notebook ? panel : null);
    });
    NotebookActions.executionScheduled.connect((_sender, { cell }) => {
      bars.get(cell)?.dispose();
      bars.delete(cell);
    });
    // A notebook that was saved with the error.
    tracker.activeCellChanged.connect((_sender, cell) => {
      if (cell && !bars.has(cell)) {
        update(cell, tracker.currentWidget);
      }
    });
  }
};

function made(
  pluto: IPlutoDuck,
  panel: NotebookPanel,
  cell: CodeCell,
  error: string,
  trans: TranslationBundle
): ReactWidget {
  const model = new MendModel(error);
  const { link } = pluto.connection;
  let source = '';
  const actions: MendActions = {
    number: () => String(cell.model.executionCount ?? ''),
    planner: () => {
      const { hello } = link.get();
      return hello && hello.planner !== 'builtin' ? hello.planner : '';
    },
    look: (meant, planner) => {
      source = cell.model.sharedModel.getSource();
      model.look(link.get().client, ourSql(source)?.sql ?? '', meant, planner);
    },
    apply: (fixed, run) => {
      if (cell.model.sharedModel.getSource() !== source) {
        actions.look(); // it was changed meanwhile: what was proposed is not for what stands there
        return;
      }
      cell.model.sharedModel.setSource(withSql(source, fixed));
      bar.dispose();
      panel.content.activeCellIndex = panel.content.widgets.indexOf(cell);
      if (run) {
        void NotebookActions.run(panel.content, panel.sessionContext);
      } else {
        cell.editor?.focus();
      }
    },
    dismiss: () => bar.dispose()
  };
  const bar = ReactWidget.create(
    <Trans.Provider value={trans}>
      <MendBar model={model} actions={actions} />
    </Trans.Provider>
  );
  bar.addClass('pd-root');
  bar.addClass('pd-in-cell');
  // Keys and clicks in it are its own, not the notebook's.
  bar.node.setAttribute('data-lm-suppress-shortcuts', 'true');
  bar.node.addEventListener('mousedown', event => event.stopPropagation());
  return bar;
}
