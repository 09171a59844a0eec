/** The connection that all the others share. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';

import { Connection } from '../kernel/connection';
import { AboutModel } from '../model/about';
import { ActivityModel } from '../model/activity';
import { ApprovalsModel } from '../model/approvals';
import { BuildsModel } from '../model/builds';
import { DataModel } from '../model/data';
import { IngestModel } from '../model/ingest';
import { whenSeen } from '../kernel/seen';
import { IPlutoDuck } from '../tokens';
import { VERSION } from '../version';

/** Without a kernel the workspace is opened by the server, but only once somebody looks. */
function wantWhenSeen(app: JupyterFrontEnd, made: Connection): void {
  for (const area of ['left', 'right', 'main']) {
    for (const widget of app.shell.widgets(area)) {
      if (widget.id.startsWith('pluto-duck-')) {
        whenSeen(widget, () => made.want());
      }
    }
  }
}

export const connection: JupyterFrontEndPlugin<IPlutoDuck> = {
  id: 'pluto-duck-labextension:connection',
  description: 'Talks to pluto-duck in the kernel of the notebook in front.',
  autoStart: true,
  requires: [INotebookTracker],
  provides: IPlutoDuck,
  activate: (app: JupyterFrontEnd, tracker: INotebookTracker): IPlutoDuck => {
    const made = new Connection(tracker, VERSION, app.serviceManager.serverSettings);
    void app.restored.then(() => wantWhenSeen(app, made));
    const data = new DataModel();
    const activity = new ActivityModel();
    activity.onHosting = hosting => {
      const { hello } = made.link.get();
      if (hello && hello.hosting !== hosting) {
        made.link.update({ hello: { ...hello, hosting } });
      }
    };
    const approvals = new ApprovalsModel();
    const ingest = new IngestModel();
    const builds = new BuildsModel();
    const about = new AboutModel();
    let client = made.link.get().client;
    made.link.watch(() => {
      const link = made.link.get();
      if (link.client !== client) {
        client = link.client;
        data.attach(client, link.hello?.workspace.root ?? '');
        activity.attach(client);
        approvals.attach(client);
        ingest.attach(client);
        builds.attach(client, link.hello?.workspace.root ?? '');
        about.attach(client, link.hello?.workspace.root ?? '');
      }
    });
    made.onNews = frame => {
      if (frame.op === 'changed') {
        data.changed(frame.tables as string[]);
        void about.look(data.state.get().open);
      } else if (frame.op === 'running') {
        activity.news(frame);
      } else if (frame.op === 'proposals') {
        void approvals.refresh();
      }
    };
    return { connection: made, data, ingest, builds, about, activity, approvals, version: VERSION };
  }
};
