/** What a kernel says of itself, also while a cell runs. */

import { Kernel, KernelMessage } from '@jupyterlab/services';

/**
 * Lab asks on the main shell, where a running cell is in the way: after a reload of the page nobody would know before
 * its end whether there are subshells. The control channel answers at once, where the kernel knows the question there.
 */
export function infoOf(kernel: Kernel.IKernelConnection): Promise<KernelMessage.IInfoReply> {
  return Promise.race([kernel.info, overControl(kernel).catch(() => kernel.info)]);
}

async function overControl(kernel: Kernel.IKernelConnection): Promise<KernelMessage.IInfoReply> {
  const told = kernel.info;
  await connected(kernel);
  const { clientId: session, username } = kernel;
  const parts = { channel: 'control', msgType: 'kernel_info_request', content: {}, session, username };
  // The types of Lab know this message on the shell alone.
  const message = KernelMessage.createMessage(parts as never);
  const reply = await kernel.sendControlMessage(message as never, true, true).done;
  const info = reply.content as unknown as KernelMessage.IInfoReply;
  if (!info.language_info) {
    return told; // an error
  }
  lend(kernel, told, info);
  return info;
}

/** Before, Lab refuses this message instead of keeping it. */
function connected(kernel: Kernel.IKernelConnection): Promise<void> {
  return new Promise(resolve => {
    const look = (): void => {
      if (kernel.connectionStatus === 'connected') {
        kernel.connectionStatusChanged.disconnect(look);
        resolve();
      }
    };
    kernel.connectionStatusChanged.connect(look);
    look();
  });
}

/** A comm of Lab's looks for a subshell when `info` is there: it is, until Lab has its own or the kernel begins anew. */
function lend(
  kernel: Kernel.IKernelConnection,
  told: Promise<KernelMessage.IInfoReply>,
  info: KernelMessage.IInfoReply
): void {
  if (kernel.isDisposed || Object.prototype.hasOwnProperty.call(kernel, 'info')) {
    return;
  }
  const supportsSubshells = info.supported_features?.includes('kernel subshells') ?? false;
  Object.defineProperties(kernel, {
    info: { value: Promise.resolve(info), configurable: true },
    supportsSubshells: { value: supportsSubshells, configurable: true }
  });
  const give = (): void => {
    kernel.statusChanged.disconnect(changed);
    for (const name of ['info', 'supportsSubshells']) {
      Reflect.deleteProperty(kernel, name);
    }
  };
  const changed = (_: Kernel.IKernelConnection, status: Kernel.Status): void => {
    if (status === 'restarting' || status === 'autorestarting' || status === 'dead') {
      give();
    }
  };
  kernel.statusChanged.connect(changed);
  told.then(give, give);
}
