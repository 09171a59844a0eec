/** The workspace in the status bar, in words. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator, TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import { useStore } from '../components/hooks';
import { Icon } from '../components/icon';
import { plain } from '../model/format';
import { Link } from '../model/link';
import { Store } from '../model/store';
import { IPlutoDuck } from '../tokens';
import { COMMANDS } from './names';

export const status: JupyterFrontEndPlugin<void> = {
  id: 'pluto-duck-labextension:status',
  description: 'The workspace of the notebook in front, in the status bar.',
  autoStart: true,
  requires: [IPlutoDuck, IStatusBar],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, pluto: IPlutoDuck, bar: IStatusBar, translator: ITranslator | null): void => {
    const trans = (translator ?? nullTranslator).load('pluto_duck');
    const show = (): void => void app.commands.execute(COMMANDS.showData);
    const { link } = pluto.connection;
    const item = ReactWidget.create(<Item link={link} trans={trans} onClick={show} />);
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

function Item(props: { link: Store<Link>; trans: TranslationBundle; onClick: () => void }): React.ReactElement {
  const { trans } = props;
  const { status, hello } = useStore(props.link);
  const words: Partial<Record<Link['status'], string>> = {
    ready: hello ? `${plain(hello.workspace.name)}, ${hello.hosting ? trans.__('host') : trans.__('guest')}` : '',
    'not-loaded': trans.__('pluto_duck not loaded'),
    connecting: trans.__('pluto_duck …'),
    restarting: trans.__('kernel restarts'),
    dead: trans.__('no kernel'),
    mismatch: trans.__('pluto_duck: versions differ'),
    failed: trans.__('workspace not open')
  };
  const warn = status === 'mismatch' || status === 'failed' || status === 'dead';
  return (
    <button type="button" className="pd-status" title={hello?.workspace.root} onClick={props.onClick}>
      <Icon name={warn ? 'warn' : 'db'} small />
      {words[status]}
    </button>
  );
}
