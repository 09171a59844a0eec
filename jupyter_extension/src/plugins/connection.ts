/** The connection that all the others share. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';

import { Connection } from '../kernel/connection';
import { DataModel } from '../model/data';
import { IPlutoDuck } from '../tokens';
import { VERSION } from '../version';

export const connection: JupyterFrontEndPlugin<IPlutoDuck> = {
  id: 'pluto-duck-labextension:connection',
  description: 'Talks to pluto-duck in the kernel of the notebook in front.',
  autoStart: true,
  requires: [INotebookTracker],
  provides: IPlutoDuck,
  activate: (_: JupyterFrontEnd, tracker: INotebookTracker): IPlutoDuck => {
    const made = new Connection(tracker, VERSION);
    const data = new DataModel();
    let client = made.link.get().client;
    made.link.watch(() => {
      const link = made.link.get();
      if (link.client !== client) {
        client = link.client;
        data.attach(client, link.hello?.workspace.root ?? '');
      }
    });
    made.onNews = frame => {
      if (frame.op === 'changed') {
        data.changed(frame.tables as string[]);
      }
    };
    return { connection: made, data, version: VERSION };
  }
};
