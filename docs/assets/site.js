// Each block of code gets a <nav> with its copy button: dozens of landmarks
// of the same name. For those who hear the page they are no places to go to.
function ungrouped() {
  for (const nav of document.querySelectorAll("nav.md-code__nav:not([role])"))
    nav.setAttribute("role", "none");
}
new MutationObserver(ungrouped).observe(document.body, {
  childList: true,
  subtree: true,
});
ungrouped();
