/** Server-sent events out of a stream of text. */

export class Events {
  private _rest = '';

  /** The data of each event that this piece of the stream completes. */
  take(piece: string): string[] {
    const events = (this._rest + piece).replace(/\r\n/g, '\n').split('\n\n');
    this._rest = events.pop() ?? '';
    return events.flatMap(event => {
      const data = event
        .split('\n')
        .filter(line => line.startsWith('data:'))
        .map(line => line.slice(line.startsWith('data: ') ? 6 : 5));
      return data.length ? [data.join('\n')] : [];
    });
  }
}

/** Those of a response, to its end. */
export async function follow(response: Response, take: (data: string) => void): Promise<void> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const events = new Events();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      return;
    }
    events.take(value).forEach(take);
  }
}
