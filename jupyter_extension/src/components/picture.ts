/** A chart of the page as a picture that stands alone: with its colours, and without the page. */

const SHOWN = ['fill', 'stroke', 'stroke-width', 'stroke-dasharray', 'stroke-linecap', 'font-weight', 'text-anchor'];

/** Text of an SVG file. */
export function standing(chart: SVGSVGElement): string {
  const made = chart.cloneNode(true) as SVGSVGElement;
  const [, , width, height] = (chart.getAttribute('viewBox') ?? '0 0 328 150').split(' ').map(Number);
  const before = [...chart.querySelectorAll<SVGElement>('*')];
  [...made.querySelectorAll<SVGElement>('*')].forEach((one, at) => {
    const style = getComputedStyle(before[at]);
    SHOWN.forEach(name => one.setAttribute(name, style.getPropertyValue(name)));
    if (one.tagName === 'text') {
      one.setAttribute('font-family', 'system-ui, sans-serif');
      one.setAttribute('font-size', '11');
    }
    one.removeAttribute('class');
  });
  made.removeAttribute('class');
  made.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  made.setAttribute('width', String(width));
  made.setAttribute('height', String(height));
  const ground = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
  ground.setAttribute('width', '100%');
  ground.setAttribute('height', '100%');
  ground.setAttribute('fill', groundOf(chart));
  made.insertBefore(ground, made.firstChild);
  return new XMLSerializer().serializeToString(made);
}

/** The colour that it stands on: dark theme's text is light. */
function groundOf(element: Element): string {
  for (let at: Element | null = element; at; at = at.parentElement) {
    const color = getComputedStyle(at).backgroundColor;
    if (color && !/^(transparent|rgba\(.*, 0\))$/.test(color)) {
      return color;
    }
  }
  return 'white';
}

/** Twice as large as on the page, for a screen that has more points. */
export async function pixels(chart: SVGSVGElement): Promise<Blob> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(standing(chart))}`;
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = image.width * 2;
  canvas.height = image.height * 2;
  canvas.getContext('2d')!.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) =>
    canvas.toBlob(blob => (blob ? resolve(blob) : reject(new Error('The picture could not be made.'))), 'image/png')
  );
}
