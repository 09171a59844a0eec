import * as React from 'react';

import { Link } from '../model/link';
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
      </span>
    </div>
  );
}

/** What stands between the sidebar and its kernel, if anything does. */
export function LinkBanner(props: { link: Link; onLoad: () => void; onRetry: () => void }): React.ReactElement | null {
  const trans = useTrans();
  const { link } = props;
  switch (link.status) {
    case 'ready':
      return link.subshell ? null : (
        <Message
          icon="warn"
          tone="warn"
          title={trans.__('This kernel has no subshells.')}
          text={trans.__('Answers come after the running cell ends. ipykernel 7 or newer has them.')}
        />
      );
    case 'no-kernel':
      return (
        <Message
          icon="db"
          title={trans.__('No notebook with a kernel is open.')}
          text={trans.__('Open one, and its workspace is shown here.')}
        />
      );
    case 'foreign':
      return (
        <Message
          icon="db"
          title={trans.__('This kernel does not run Python.')}
          text={trans.__('pluto-duck lives in a Python kernel.')}
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
      return <Message icon="warn" tone="warn" title={trans.__('Versions differ.')} text={link.problem} />;
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
          text={trans.__('Restart it from the Kernel menu.')}
        />
      );
    case 'connecting':
      return null;
  }
}
