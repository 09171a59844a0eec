/** The workspace in the status bar, in words. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator, TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import { useStore } from '../components/hooks';
import { Icon } from '../components/icon';
import { age, clock, foremost, shortLabel, Statement } from '../model/activity';
import { plain } from '../model/format';
import { Link } from '../model/link';
import { Store } from '../model/store';
import { IPlutoDuck } from '../tokens';
import { COMMANDS } from './names';

export const status: JupyterFrontEndPlugin<void> = {
  id: 'pluto-duck-labextension:status',
  description: 'The workspace of the notebook in front, in the status bar.',
  autoStart: true,
  requires: [IPlutoDuck],
  optional: [IStatusBar, ITranslator],
  activate: (app: JupyterFrontEnd, pluto: IPlutoDuck, bar: IStatusBar | null, translator: ITranslator | null): void => {
    if (!bar) {
      return; // Notebook 7 has none
    }
    const trans = (translator ?? nullTranslator).load('pluto_duck');
    const show = (): void => {
      if (app.commands.hasCommand(COMMANDS.showData)) {
        void app.commands.execute(COMMANDS.showData);
      }
    };
    const { link } = pluto.connection;
    const item = ReactWidget.create(<Item pluto={pluto} trans={trans} onClick={show} />);
    item.addClass('pd-status-item');
    bar.registerStatusItem(status.id, {
      item,
      align: 'right',
      rank: 3,
      isActive: () => link.get().status !== 'no-kernel' && link.get().status !== 'foreign',
      activeStateChanged: { connect: watch(link), disconnect: () => true } as never
    });
  }
};

const watch =
  (link: Store<Link>) =>
  (slot: (sender: unknown, args: undefined) => void): boolean => {
    link.watch(() => slot(null, undefined));
    return true;
  };

function Item(props: { pluto: IPlutoDuck; trans: TranslationBundle; onClick: () => void }): React.ReactElement {
  const { trans, pluto } = props;
  const { status, hello } = useStore(pluto.connection.link);
  const activity = useStore(pluto.activity.state);
  const running = status === 'ready' ? foremost(activity.statements) : undefined;
  const name = hello ? plain(hello.workspace.name) : '';
  const words: Partial<Record<Link['status'], string>> = {
    ready: hello ? `${name}, ${hello.hosting === 'host' ? trans.__('host') : trans.__('guest')}` : '',
    'not-loaded': trans.__('pluto_duck not loaded'),
    connecting: trans.__('pluto_duck …'),
    restarting: trans.__('kernel restarts'),
    dead: trans.__('no kernel'),
    mismatch: trans.__('pluto_duck: versions differ'),
    failed: trans.__('workspace not open')
  };
  if (running) {
    return <Running {...props} name={name} running={running} />;
  }
  const warn = status === 'mismatch' || status === 'failed' || status === 'dead';
  return (
    <button type="button" className="pd-status" title={hello?.workspace.root} onClick={props.onClick}>
      <Icon name={warn ? 'warn' : 'db'} small />
      {words[status]}
    </button>
  );
}

function Running(props: {
  pluto: IPlutoDuck;
  trans: TranslationBundle;
  onClick: () => void;
  name: string;
  running: Statement;
}): React.ReactElement {
  const { trans, pluto, running } = props;
  const { statements, at, stopping } = useStore(pluto.activity.state);
  const [now, setNow] = React.useState(Date.now());
  React.useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 200);
    return () => clearInterval(timer);
  }, []);
  const time = clock(age(running, at, Math.max(at, now)));
  const known = running.progress > 0 ? `${time}, ${Math.floor(running.progress)} %` : time;
  const words =
    statements.length > 1
      ? trans._n('%2, %1 query, %3', '%2, %1 queries, %3', statements.length, props.name, known)
      : trans.__('%1, query %2', props.name, known);
  const who = plain(shortLabel(running.label)) || running.role;
  const asked = stopping.has(running.id);
  return (
    <>
      <button
        type="button"
        className="pd-status"
        title={`${who} (pid ${running.pid})\n${running.sql.split('\n').map(plain).join('\n')}`}
        onClick={props.onClick}
      >
        <span className="pd-spin" aria-hidden="true" />
        {words}
      </button>
      <button
        type="button"
        className="pd-cancel"
        disabled={asked}
        aria-label={asked ? undefined : trans.__('Cancel the query of %1', who)}
        title={trans.__('Stops this statement; what it has not committed is rolled back')}
        onClick={() => pluto.activity.stop(running.id)}
      >
        {asked ? trans.__('Stopping …') : trans.__('Cancel')}
      </button>
    </>
  );
}
