// The stack as the server draws it: one JPEG per image, no tools but scrolling.
export class ServerPictures {
  constructor(screen, study, show) {
    this.picture = screen.querySelector("[data-picture]");
    this.study = study;
    this.series = study.series_index;
    this.image = study.image_index;
    screen.addEventListener(
      "wheel",
      (event) => {
        if (this.picture.hidden) return;
        event.preventDefault();
        show(this.image + Math.sign(event.deltaY));
      },
      { passive: false },
    );
  }

  openSeries(series, image) {
    this.series = series;
    this.showImage(image);
  }

  showImage(image) {
    this.image = image;
    const { id, frame } = this.study.series[this.series].images[image];
    const address = `${this.study.files}/${id}/rendered.jpg?frame=${frame}`;
    // One at a time: while a picture is on its way only the newest wish waits.
    if (this.loading) this.wished = address;
    else this.load(address);
  }

  load(address) {
    this.loading = true;
    this.wished = undefined;
    const done = () => {
      this.loading = false;
      if (this.wished) this.load(this.wished);
    };
    this.picture.addEventListener("load", done, { once: true });
    this.picture.addEventListener("error", done, { once: true });
    this.picture.src = address;
  }
}
