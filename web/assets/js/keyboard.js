// Ctrl+K or / goes to the search box; Escape and a click elsewhere close open menus.
const inText = (element) => element.closest("input, textarea, select, [contenteditable]");

document.addEventListener("keydown", (event) => {
  const wanted = (event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k";
  const slash = event.key === "/" && !event.ctrlKey && !event.metaKey && !inText(event.target);
  if (wanted || slash) {
    const box = document.querySelector("[data-find]");
    if (!box) return;
    event.preventDefault();
    if (box.offsetParent === null) location.href = "/search";
    box.focus();
    box.select();
  }
  if (event.key === "Escape") {
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  }
});

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
