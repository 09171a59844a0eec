/** Cells and names put into the notebook in front, through its model: Ctrl+Z takes them out again. */

import { NotebookActions, NotebookPanel } from '@jupyterlab/notebook';

const LOAD = '%load_ext pluto_duck';

/** A code cell below the active one, which it becomes. */
export function insertCell(panel: NotebookPanel, source: string, facts: Record<string, unknown> = {}): void {
  const { content } = panel;
  const active = content.activeCell;
  if (active && active.model.type === 'code' && !active.model.sharedModel.getSource().trim()) {
    active.model.sharedModel.setSource(source);
  } else {
    NotebookActions.insertBelow(content);
    NotebookActions.changeCellType(content, 'code');
    content.activeCell!.model.sharedModel.setSource(source);
  }
  if (Object.keys(facts).length) {
    content.activeCell!.model.setMetadata('pluto_duck', facts);
  }
  content.mode = 'command';
  void content.scrollToItem(content.activeCellIndex);
}

/** Text where the cursor of the active cell is, instead of what is selected there. */
export function insertText(panel: NotebookPanel, text: string): void {
  const editor = panel.content.activeCell?.editor;
  if (editor?.replaceSelection) {
    editor.replaceSelection(text);
    editor.focus();
  }
}

/** Loads pluto_duck by a cell that anybody can see: the one that is there, else a new one at the top. */
export function loadExtension(panel: NotebookPanel): void {
  const { content } = panel;
  const there = content.widgets.findIndex(
    one => one.model.type === 'code' && one.model.sharedModel.getSource().includes(LOAD)
  );
  if (there >= 0) {
    content.activeCellIndex = there;
  } else {
    content.activeCellIndex = 0;
    const first = content.activeCell;
    if (!first || first.model.type !== 'code' || first.model.sharedModel.getSource().trim()) {
      NotebookActions.insertAbove(content);
      NotebookActions.changeCellType(content, 'code');
    }
    content.activeCell!.model.sharedModel.setSource(LOAD);
  }
  void NotebookActions.run(content, panel.sessionContext);
}
