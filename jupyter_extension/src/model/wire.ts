/** A way to a workspace: the kernel's comm, or the server where there is no kernel. Both carry the same frames. */

import { Client } from './client';
import { PanelError } from './frames';

export interface Wire {
  readonly client: Client;
  /** Everything that is open ends with the error; nothing more is sent or heard. */
  close(error: PanelError): void;
}
