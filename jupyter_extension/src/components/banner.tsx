import * as React from 'react';

import { plain } from '../model/format';
import { Link } from '../model/link';
import { VERSION } from '../version';
import { IconName } from './drawings';
import { useTrans } from './hooks';
import { Icon } from './icon';

type Tone = 'plain' | 'warn' | 'error';

/** What is so, what it means, and one action. */
export function Message(props: {
  icon: IconName;
  tone?: Tone;
  title: string;
  text?: string;
  action?: string;
  onAction?: () => void;
  children?: React.ReactNode;
}): React.ReactElement {
  return (
    <div className={`pd-msg pd-${props.tone ?? 'plain'}`} role={props.tone === 'error' ? 'alert' : 'status'}>
      <Icon name={props.icon} />
      <span className="pd-msg-text">
        <b>{props.title}</b> {props.text}
        {props.action && (
          <button type="button" className="pd-link" onClick={props.onAction}>
            {props.action}
          </button>
        )}
        {props.children}
      </span>
    </div>
  );
}

/** What stands between the sidebar and its kernel, if anything does, and who answers instead. */
export function LinkBanner(props: { link: Link; onLoad: () => void; onRetry: () => void }): React.ReactElement | null {
  const trans = useTrans();
  const { link } = props;
  switch (link.status) {
    case 'ready':
      return link.via === 'server' ? <Served link={link} /> : <Attached link={link} />;
    case 'no-kernel':
      return (
        <Message
          icon="db"
          title={trans.__('No notebook with a kernel is open.')}
          text={link.problem || trans.__('Open one, and its workspace is shown here.')}
        />
      );
    case 'foreign':
      return (
        <Message
          icon="db"
          title={trans.__('This kernel does not run Python.')}
          text={link.problem || trans.__('pluto-duck lives in a Python kernel.')}
        />
      );
    case 'not-loaded':
      return (
        <Message
          icon="db"
          title={trans.__('pluto_duck is not loaded in this kernel.')}
          text={trans.__('One cell loads it.')}
          action={trans.__('Run %load_ext pluto_duck')}
          onAction={props.onLoad}
        />
      );
    case 'mismatch':
      return (
        <Message
          icon="warn"
          tone="warn"
          title={trans.__('Versions differ.')}
          text={link.problem}
          action={trans.__('Try again')}
          onAction={props.onRetry}
        />
      );
    case 'failed':
      return (
        <Message
          icon="error"
          tone="error"
          title={trans.__('The workspace did not open.')}
          text={link.problem}
          action={trans.__('Try again')}
          onAction={props.onRetry}
        />
      );
    case 'restarting':
      return (
        <Message icon="clock" title={trans.__('The kernel restarts.')} text={trans.__('Tables come back with it.')} />
      );
    case 'dead':
      return (
        <Message
          icon="error"
          tone="error"
          title={trans.__('The kernel is gone.')}
          text={link.problem || trans.__('Restart it from the Kernel menu.')}
        />
      );
    case 'away':
      return (
        <Message
          icon="warn"
          tone="warn"
          title={trans.__('The Jupyter server does not answer.')}
          text={trans.__('This goes on by itself when it is back. What was not answered must be asked again.')}
        />
      );
    case 'connecting':
      return link.slow ? <Slow link={link} /> : null;
    default:
      return null;
  }
}

function Slow({ link }: { link: Link }): React.ReactElement {
  const trans = useTrans();
  return (
    <Message
      icon="clock"
      tone="warn"
      title={trans.__('The kernel does not answer yet.')}
      text={
        link.subshell
          ? trans.__('A cell runs code that lets nothing else in. It goes on by itself; interrupting the cell ends it.')
          : trans.__('It has no subshells, and answers after the running cell.')
      }
    />
  );
}

/** Whatever is to be said of a kernel that answers. */
function Attached({ link }: { link: Link }): React.ReactElement | null {
  const trans = useTrans();
  if (link.slow) {
    return <Slow link={link} />;
  }
  const version = link.hello?.version ?? VERSION;
  return (
    <>
      {link.back && (
        <Message
          icon="check"
          title={trans.__('The kernel answers again.')}
          text={trans.__('Tables and answers come from its session.')}
        />
      )}
      {!link.subshell && (
        <Message
          icon="warn"
          tone="warn"
          title={trans.__('This kernel has no subshells.')}
          text={trans.__('Answers come after the running cell ends. ipykernel 7 or newer has them.')}
        />
      )}
      {version !== VERSION && (
        <Message
          icon="warn"
          tone="warn"
          title={trans.__('Versions differ.')}
          text={trans.__(
            'JupyterLab has pluto-duck %1, this kernel %2. What one of them does not know is said where it is asked for.',
            VERSION,
            plain(version)
          )}
        />
      )}
    </>
  );
}

/** No kernel, but the Jupyter server answers: from which workspace, is said. */
function Served({ link }: { link: Link }): React.ReactElement {
  const trans = useTrans();
  const name = plain(link.hello!.workspace.name);
  const words = {
    'no-kernel': trans.__('No notebook with a kernel is open.'),
    dead: trans.__('The kernel is gone.'),
    foreign: trans.__('This kernel does not run Python.')
  };
  return (
    <>
      <Message
        icon={link.reason === 'dead' ? 'warn' : 'db'}
        tone={link.reason === 'dead' ? 'warn' : 'plain'}
        title={words[link.reason]}
        text={
          link.reason === 'dead'
            ? trans.__(
                'The Jupyter server answers from the workspace %1. Restart the kernel to go on in its session.',
                name
              )
            : trans.__('The Jupyter server answers from the workspace %1.', name)
        }
      >
        {link.places.length > 1 && link.choose && (
          <label className="pd-in-label pd-places">
            {trans.__('Workspace')}{' '}
            <select
              className="pd-plan"
              value={link.hello!.workspace.root}
              onChange={event => link.choose!(event.target.value)}
            >
              {link.places.map(one => (
                <option key={one.folder} value={one.folder} title={one.folder}>
                  {plain(one.name)}
                </option>
              ))}
            </select>
          </label>
        )}
      </Message>
      {link.other && (
        <Message
          icon="warn"
          tone="warn"
          title={trans.__('It is another workspace than before.')}
          text={trans.__('This server does not serve %1; a notebook there does.', plain(link.other))}
        />
      )}
    </>
  );
}
