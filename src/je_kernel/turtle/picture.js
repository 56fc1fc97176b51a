// A turtle's picture: plays the frames that the kernel sends at the pace of the program.
//
// A frame is [start, milliseconds, motion, operations]: the turtle moves for so long from the
// start on, in milliseconds of the program's time, then the operations are done. A motion is
// ["move", turtle, x, y, dx, dy, color, width] (the last two when the pen draws) or
// ["turn", turtle, x, y, degrees], clockwise. Operations are those of `Canvas` below, by name.
// Places are in pixels from the origin, with y downwards.

const STYLE = `
.je-turtle { position: relative; display: inline-block; max-width: 100%; line-height: 0;
  border: 1px solid var(--jp-border-color2, #bdbdbd); background: #fff;
  animation: je-turtle-is-here 1ms; }
@keyframes je-turtle-is-here { from { outline-offset: 2px; } }
.je-turtle:focus-visible { outline: 2px solid var(--jp-brand-color1, #1976d2); outline-offset: 2px; }
.je-turtle > canvas { max-width: 100%; height: auto; touch-action: manipulation; }
.je-turtle > canvas + canvas { position: absolute; inset: 0; width: 100%; height: 100%; }
.je-turtle > .je-turtle-buttons { position: absolute; top: 4px; right: 4px; opacity: 0.25; }
.je-turtle:hover > .je-turtle-buttons, .je-turtle:focus-within > .je-turtle-buttons { opacity: 1; }
.je-turtle button { font: 12px/1.5 system-ui, sans-serif; padding: 1px 8px; margin-left: 4px;
  color: #212121; background: #f5f5f5; border: 1px solid #9e9e9e; border-radius: 3px;
  cursor: pointer; }
.je-turtle button[hidden] { display: none; }
`;
const MOST_PIXELS = 16_000_000;
const MILLISECONDS_PER_TICK = 12;
const CIRCLE = 2 * Math.PI;

/** What is drawn: the items, the lowest first, and the turtles above them. */
class Canvas {
  constructor() {
    this.base = document.createElement('canvas');
    this.top = document.createElement('canvas');
    this.items = new Map();
    this.turtles = new Map();
    this.images = new Map();
    /** @type {(() => void) | null} called when a picture has been loaded */
    this.onchange = null;
    this.kept = null;
    this.stale = true;
    this.highest = 0;
    this.lower = false;
    this.background = '#ffffff';
    this.backdrop = null;
    this.resize(800, 600, 0, 0);
  }

  // The operations.

  paper(background, backdrop, width, height, x, y) {
    Object.assign(this, { background, backdrop });
    if (width !== this.width || height !== this.height || x !== this.x || y !== this.y) {
      this.resize(width, height, x, y);
    }
    this.stale = true;
  }

  picture(number, width, height, address) {
    const image = new Image(width, height);
    image.onload = () => { this.stale = true; this.onchange?.(); };
    image.src = address;
    this.images.set(number, image);
  }

  line(number, color, width, points) {
    this.put(number, { kind: 'line', color, width: Math.max(1, width), points });
  }

  longer(number, points) {
    const item = this.items.get(number);
    if (!item) return;
    const from = Math.max(0, item.points.length - 2);
    for (const value of points) item.points.push(value);
    if (!this.stale) this.stroke(this.ink, item, from);
    this.lower ||= number < this.highest;
  }

  polygon(number, fill, outline, width, points) {
    this.put(number, { kind: 'polygon', shape: [fill, outline, width, points] });
  }

  text(number, lines, align, size, family, generic, bold, italic, underline, color) {
    const font = `${italic ? 'italic ' : ''}${bold ? 'bold ' : ''}${size}px "${family}", ${generic}`;
    this.put(number, { kind: 'text', lines, align, font, size, underline, color });
  }

  image(number, image, at) {
    this.put(number, { kind: 'image', shape: [image, ...at] });
  }

  remove(number) {
    if (this.items.delete(number)) this.stale = true;
    if (!this.items.size) this.kept = null;
  }

  turtle(key, parts) {
    this.turtles.delete(key);
    if (parts.length) this.turtles.set(key, parts);
  }

  /** Keep what items up to a number look like, and forget them: the drawing has no end. */
  keep(number) {
    if (this.stale) this.redraw();
    const kept = document.createElement('canvas');
    kept.width = this.base.width;
    kept.height = this.base.height;
    kept.getContext('2d').drawImage(this.base, 0, 0);
    this.kept = kept;
    for (const known of this.items.keys()) if (known <= number) this.items.delete(known);
  }

  // Drawing them.

  resize(width, height, x, y) {
    this.width = width;
    this.height = height;
    this.x = x;
    this.y = y;
    this.ratio = window.devicePixelRatio || 1;
    const fine = Math.min(this.ratio, Math.sqrt(MOST_PIXELS / (width * height)));
    for (const canvas of [this.base, this.top]) {
      canvas.width = Math.round(width * fine);
      canvas.height = Math.round(height * fine);
    }
    this.base.style.width = `${width}px`;
    this.base.style.aspectRatio = `${width} / ${height}`;
    this.ink = this.base.getContext('2d');
    this.overlay = this.top.getContext('2d');
    for (const context of [this.ink, this.overlay]) {
      context.setTransform(fine, 0, 0, fine, fine * (width / 2 - x), fine * (height / 2 - y));
      context.lineCap = context.lineJoin = 'round';
    }
    this.left = x - width / 2;
    this.above = y - height / 2;
    this.stale = true;
  }

  /** Draw as finely as the screen that the page is on now. */
  refine() {
    this.resize(this.width, this.height, this.x, this.y);
  }

  put(number, item) {
    if (this.items.has(number) || number < this.highest) this.stale = true;
    else if (!this.stale) this.drawItem(item);
    this.items.set(number, item);
    this.highest = Math.max(this.highest, number);
  }

  /** Draw everything, each item above those with lower numbers. */
  redraw() {
    this.stale = this.lower = false;
    const ink = this.ink;
    if (this.kept) {
      ink.drawImage(this.kept, this.left, this.above, this.width, this.height);
    } else {
      ink.fillStyle = this.background;
      ink.fillRect(this.left, this.above, this.width, this.height);
      if (this.backdrop) this.drawImage(ink, this.backdrop, 0, 0);
    }
    const numbers = [...this.items.keys()].sort((a, b) => a - b);
    for (const number of numbers) this.drawItem(this.items.get(number));
  }

  drawItem(item) {
    if (item.kind === 'line') this.stroke(this.ink, item, 0);
    else if (item.kind === 'text') this.drawText(item);
    else this.drawPart(this.ink, item.shape);
  }

  stroke(ink, { color, width, points }, from) {
    if (!color) return;
    ink.strokeStyle = ink.fillStyle = color;
    ink.lineWidth = width;
    ink.beginPath();
    ink.moveTo(points[from], points[from + 1]);
    let length = 0;
    for (let i = from + 2; i < points.length; i += 2) {
      length += Math.abs(points[i] - points[i - 2]) + Math.abs(points[i + 1] - points[i - 1]);
      ink.lineTo(points[i], points[i + 1]);
    }
    if (length) {
      ink.stroke();
    } else {
      // A line of no length has round ends all the same: a dot.
      ink.beginPath();
      ink.arc(points[from], points[from + 1], width / 2, 0, CIRCLE);
      ink.fill();
    }
  }

  drawText({ lines, align, font, size, underline, color }) {
    if (!color) return;
    const ink = this.ink;
    ink.font = font;
    ink.textAlign = align;
    ink.fillStyle = color;
    for (const [line, x, y] of lines) {
      ink.fillText(line, x, y);
      if (!underline) continue;
      const wide = ink.measureText(line).width;
      const before = { left: 0, center: wide / 2, right: wide }[align];
      ink.fillRect(x - before, y + 0.1 * size, wide, Math.max(1, size / 16));
    }
  }

  /** Draw a polygon [fill, outline, width, points] or an image [number, x, y]. */
  drawPart(ink, part) {
    if (part.length === 3) {
      this.drawImage(ink, ...part);
      return;
    }
    const [fill, outline, width] = part;
    const path = outlineOf(part);
    if (fill) {
      ink.fillStyle = fill;
      ink.fill(path, 'evenodd');
    }
    if (outline) {
      ink.strokeStyle = outline;
      ink.lineWidth = Math.max(1, width);
      ink.stroke(path);
    }
  }

  drawImage(ink, number, x, y) {
    const image = this.images.get(number);
    if (image?.complete && image.naturalWidth) {
      ink.drawImage(image, x - image.width / 2, y - image.height / 2, image.width, image.height);
    }
  }

  /** Draw the turtles, one of them on its way: `part` of its motion is done. */
  drawTurtles(motion, part) {
    const ink = this.overlay;
    ink.clearRect(this.left, this.above, this.width, this.height);
    const [kind, moved, x, y, a, b, color, width] = motion ?? [];
    if (color) {
      const points = [x, y, x + a * part, y + b * part];
      this.stroke(ink, { color, width: Math.max(1, width), points }, 0);
    }
    for (const [key, parts] of this.turtles) {
      ink.save();
      if (key === moved && kind === 'turn') {
        ink.translate(x, y);
        ink.rotate((a * part * Math.PI) / 180);
        ink.translate(-x, -y);
      } else if (key === moved) {
        ink.translate(a * part, b * part);
      }
      for (const one of parts) this.drawPart(ink, one);
      ink.restore();
    }
  }

  /** Return the key of the topmost turtle at a place, or null. */
  turtleAt(x, y) {
    const ink = this.overlay;
    ink.save();
    ink.setTransform(1, 0, 0, 1, 0, 0);
    let found = null;
    for (const [key, parts] of this.turtles) {
      for (const part of parts) {
        if (part.length === 3) {
          const image = this.images.get(part[0]);
          if (image && 2 * Math.abs(x - part[1]) <= image.width
            && 2 * Math.abs(y - part[2]) <= image.height) found = key;
        } else {
          const path = outlineOf(part);
          ink.lineWidth = Math.max(1, part[2]);
          if (ink.isPointInPath(path, x, y) || ink.isPointInStroke(path, x, y)) found = key;
        }
      }
    }
    ink.restore();
    return found;
  }
}

function outlineOf([, , , points]) {
  const path = new Path2D();
  for (let i = 0; i < points.length; i += 2) path.lineTo(points[i], points[i + 1]);
  path.closePath();
  return path;
}

/** Plays the frames of one model, whichever views show it. */
class Player {
  constructor(model) {
    this.model = model;
    this.frames = [];
    this.next = 0;
    this.taken = 0;
    this.end = 0;
    this.origin = null;
    this.scheduled = false;
    this.channel = new BroadcastChannel(model.get('channel'));
    this.still = window.matchMedia('(prefers-reduced-motion: reduce)');
    this.canvas = new Canvas();
    this.canvas.onchange = () => this.schedule();
    this.build();
    this.stop = new AbortController();
    this.listen();
    this.say({ kind: 'here' });
    this.changed = () => { this.take(); this.describe(); };
    model.on('change', this.changed);
    this.changed();
  }

  dispose() {
    this.stop.abort();
    this.model.off('change', this.changed);
    this.channel.close();
    this.root.remove();
    this.disposed = true;
  }

  build() {
    const root = document.createElement('div');
    root.className = 'je-turtle';
    root.tabIndex = 0;
    // JupyterLab's own shortcuts, such as d d to delete a cell, are not for keys of a game.
    root.setAttribute('data-lm-suppress-shortcuts', 'true');
    root.setAttribute('data-jupyter-suppress-context-menu', 'true');
    const style = document.createElement('style');
    style.textContent = STYLE;
    const buttons = document.createElement('div');
    buttons.className = 'je-turtle-buttons';
    const button = (text, title, act) => {
      const made = document.createElement('button');
      Object.assign(made, { type: 'button', textContent: text, title, onclick: act });
      buttons.append(made);
      return made;
    };
    this.skip = button('Show at once', 'Finish the drawing without animation', () => {
      this.hurried = true;
      this.schedule();
    });
    this.close = button('Stop', 'End the program of this picture', () => {
      this.say({ kind: 'close' });
    });
    root.append(style, this.canvas.base, this.canvas.top, buttons);
    this.root = root;
  }

  say(message) {
    this.channel.postMessage(JSON.stringify(message));
  }

  /** Take the chunks that have come; the model need not keep them. */
  take() {
    const count = this.model.get('count');
    while (this.taken < count) {
      const name = `c${this.taken}`;
      const chunk = this.model.get(name);
      if (typeof chunk !== 'string') break;
      this.taken += 1;
      this.model.set(name, null);
      if (this.next) this.frames = this.frames.slice(this.next);
      this.next = 0;
      for (const frame of JSON.parse(chunk)) this.frames.push(frame);
      this.told = false;
    }
    this.schedule();
  }

  describe() {
    const { root } = this;
    const interest = this.model.get('interest');
    const label = this.model.get('label');
    const key = JSON.stringify([interest, label]);
    if (key === this.described) return;
    this.described = key;
    this.told = false;
    const plays = interest.keys !== undefined || interest.mouse;
    root.setAttribute('role', plays ? 'application' : 'img');
    root.setAttribute('aria-label', label);
    if (interest.keys && !this.focused) {
      this.focused = true;
      this.focus();
    }
    this.schedule();
  }

  /** Show the picture in an element of the page, and nowhere else any more. */
  show(element) {
    element.append(this.root);
    this.schedule();
  }

  focus() {
    this.wantsFocus = true;
    this.root.focus({ preventScroll: true });
  }

  schedule() {
    if (this.scheduled || this.disposed) return;
    this.scheduled = true;
    const tick = () => { this.scheduled = false; this.tick(); };
    // No animation frames come to a page that is not seen.
    if (document.hidden) setTimeout(tick, 50);
    else requestAnimationFrame(tick);
  }

  /** Do what is due by now, but not for long. */
  tick() {
    if (this.disposed) return;
    const began = performance.now();
    const hurried = this.hurried || this.still.matches;
    let motion = null;
    let part = 0;
    let waits = false;
    while (this.next < this.frames.length) {
      const [start, milliseconds, moves, operations] = this.frames[this.next];
      const from = Math.max(start, this.end);
      if (this.origin === null || (this.idle && began - this.origin > from)) {
        this.origin = began - from;
      }
      this.idle = false;
      const time = began - this.origin;
      if (!hurried && time < from + milliseconds) {
        waits = true;
        if (moves && time > from) [motion, part] = [moves, (time - from) / milliseconds];
        break;
      }
      this.end = from + milliseconds;
      this.next += 1;
      for (const [name, ...values] of operations) this.canvas[name](...values);
      if (performance.now() - began > MILLISECONDS_PER_TICK) break;
    }
    const rest = this.next < this.frames.length;
    if (!rest) {
      this.frames = [];
      this.next = 0;
      this.idle = true;
      if (this.hurried) this.origin = began - this.end;
      this.hurried = false;
    }
    if (this.canvas.ratio !== window.devicePixelRatio) this.canvas.refine();
    if (this.canvas.stale || (!rest && this.canvas.lower)) this.canvas.redraw();
    this.canvas.drawTurtles(motion, part);
    this.skip.hidden = !waits;
    const interest = this.model.get('interest');
    this.close.hidden = !rest && !Object.keys(interest).length && !this.model.get('running');
    if (rest) this.schedule();
    else this.tell();
  }

  /** Say that all is drawn, so that the kernel can put a still picture here. */
  tell() {
    if (this.told) return;
    this.told = true;
    const message = { kind: 'drawn', count: this.taken };
    if (this.canvas.kept) message.bitmap = this.bitmap();
    this.say(message);
  }

  bitmap() {
    const { base, top } = this.canvas;
    const whole = document.createElement('canvas');
    whole.width = base.width;
    whole.height = base.height;
    const ink = whole.getContext('2d');
    ink.drawImage(base, 0, 0);
    ink.drawImage(top, 0, 0);
    return whole.toDataURL('image/png');
  }

  listen() {
    const { signal } = this.stop;
    const on = (target, name, act) => target.addEventListener(name, act, { signal });
    const { root, canvas: { top } } = this;
    on(window, 'resize', () => this.schedule());
    // JupyterLab takes outputs out of the page and puts them in again, and the focus is lost then.
    on(root, 'animationstart', () => {
      if (this.wantsFocus) this.focus();
    });
    on(document, 'focusin', ({ target }) => {
      const isHere = root.contains(target);
      if (isHere || this.hadFocus) this.wantsFocus = isHere;
      this.hadFocus = isHere;
    });
    on(top, 'pointerdown', (event) => {
      root.focus({ preventScroll: true });
      if (!this.model.get('interest').mouse) return;
      const place = this.placeOf(event);
      // Buttons are counted as Tk does: left 1, middle 2, right 3.
      this.held = { button: event.button + 1, turtle: this.canvas.turtleAt(place.x, place.y) };
      this.say({ kind: 'click', ...this.held, ...place });
      if (event.isTrusted) top.setPointerCapture(event.pointerId);
    });
    on(top, 'pointermove', (event) => {
      if (!this.held || event.timeStamp - (this.dragged ?? 0) < 16) return;
      this.dragged = event.timeStamp;
      this.say({ kind: 'drag', ...this.held, ...this.placeOf(event) });
    });
    const release = (event) => {
      if (this.held) this.say({ kind: 'unclick', ...this.held, ...this.placeOf(event) });
      this.held = null;
    };
    on(top, 'pointerup', release);
    on(top, 'pointercancel', release);
    on(top, 'contextmenu', (event) => {
      if (this.model.get('interest').mouse) event.preventDefault();
    });
    const key = (kind) => (event) => {
      if (!this.model.get('interest').keys || event.target !== root) return;
      if (event.ctrlKey || event.altKey || event.metaKey || event.key === 'Tab') return;
      event.preventDefault();
      event.stopPropagation();
      this.say({ kind, key: event.key, code: event.code });
    };
    on(root, 'keydown', key('press'));
    on(root, 'keyup', key('release'));
  }

  placeOf(event) {
    const { left, top, width, height } = this.canvas.top.getBoundingClientRect();
    const { canvas } = this;
    return {
      x: canvas.left + ((event.clientX - left) * canvas.width) / width,
      y: canvas.above + ((event.clientY - top) * canvas.height) / height,
    };
  }
}

const players = new Map();

/** Return the player of a model: a model has one, however often it is shown. */
function playerOf(model) {
  const name = model.get('channel');
  if (!players.has(name)) players.set(name, new Player(model));
  return players.get(name);
}

export default {
  initialize({ model }) {
    const player = playerOf(model);
    return () => {
      player.dispose();
      players.delete(model.get('channel'));
    };
  },
  render({ model, el }) {
    playerOf(model).show(el);
  },
};
