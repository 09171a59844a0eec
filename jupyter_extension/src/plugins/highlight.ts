/** SQL is coloured as SQL in `%%pluto sql` and `%%sql` cells. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { EditorExtensionRegistry, IEditorExtensionRegistry } from '@jupyterlab/codemirror';

import { sqlCells } from '../notebook/highlight';

export const highlight: JupyterFrontEndPlugin<void> = {
  id: 'pluto-duck-labextension:highlight',
  description: 'Colours the SQL of cells that begin with %%pluto sql or %%sql.',
  autoStart: true,
  requires: [IEditorExtensionRegistry],
  activate: (_: JupyterFrontEnd, extensions: IEditorExtensionRegistry): void => {
    extensions.addExtension({
      name: 'pluto-duck-sql',
      factory: ({ model }) => EditorExtensionRegistry.createImmutableExtension(sqlCells(model.sharedModel.getSource()))
    });
  }
};
