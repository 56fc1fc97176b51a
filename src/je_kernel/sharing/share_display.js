// Adds a button that copies the link to the cards of shared notebooks.
(() => {
  // Each card that has no button yet gets one: scripts in outputs do not know their own card.
  /** @type {NodeListOf<HTMLInputElement>} */
  const fields = document.querySelectorAll('.je-share .je-link > input');
  for (const field of fields) {
    if (field.parentElement.querySelector('button')) continue;
    field.addEventListener('focus', () => field.select());
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = 'Copy';
    button.setAttribute('aria-live', 'polite');
    const copy = async () => {
      try {
        await navigator.clipboard.writeText(field.value);
        return true;
      } catch {
        // No clipboard on plain http, or not allowed: what every browser has had for long.
        field.focus();
        field.select();
        return document.execCommand('copy');
      }
    };
    button.addEventListener('click', async () => {
      button.textContent = (await copy()) ? 'Copied' : 'Press Ctrl+C';
      setTimeout(() => { button.textContent = 'Copy'; }, 2000);
    });
    field.after(button);
  }
})();
