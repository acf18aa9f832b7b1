// Start the slides. Everything lies in this folder; nothing is fetched.

// 7 / 53: slides of the line; what hangs below the seventh is 7.1, 7.2...
function number(slide) {
  const { h, v } = Reveal.getIndices(slide);
  const below = v ? `.${v}` : "";
  return [`${h + 1}${below}`, "/", Reveal.getHorizontalSlides().length];
}

Reveal.initialize({
  width: 1280,
  height: 720,
  margin: 0.02,
  center: false,
  controls: false,
  hash: true,
  slideNumber: number,
  transition: "none",
  backgroundTransition: "none",
  plugins: [RevealNotes],
});
