// The photograph over the painting, as far as a slider says.

export class Compare {
  constructor(area) {
    this.area = area;
    this.before = area.querySelector("#before");
    this.after = area.querySelector("#after");
    this.slider = area.querySelector("#divide");
    this.slider.addEventListener("input", () => this.place());
  }

  async show(before, after) {
    this.hide();
    this.before.src = before;
    this.after.src = after;
    await Promise.all([this.before.decode(), this.after.decode()]);
    const shape = this.after.naturalWidth / this.after.naturalHeight;
    this.area.style.setProperty("--shape", shape);
    this.slider.value = 18;
    this.place();
    this.area.hidden = false;
  }

  hide() {
    this.area.hidden = true;
    for (const image of [this.before, this.after]) {
      if (image.src) URL.revokeObjectURL(image.src);
      image.removeAttribute("src");
    }
  }

  place() {
    this.area.style.setProperty("--at", `${this.slider.value}%`);
    this.slider.setAttribute("aria-valuetext", `${this.slider.value} % photograph`);
  }
}
