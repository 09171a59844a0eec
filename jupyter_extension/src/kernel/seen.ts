/** Whether anybody looks at a widget. */

import { Message, MessageLoop } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';

/** Once it is in sight, now or later. */
export function whenSeen(widget: Widget, act: () => void): void {
  if (widget.isVisible) {
    act();
    return;
  }
  const hook = (_: unknown, message: Message): boolean => {
    if (message.type === 'after-show' || (message.type === 'after-attach' && widget.isVisible)) {
      MessageLoop.removeMessageHook(widget, hook);
      act();
    }
    return true;
  };
  MessageLoop.installMessageHook(widget, hook);
}
