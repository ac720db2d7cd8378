"""Figures that need no display: built without pyplot, shown by notebooks, written byte for byte alike."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.text import Text as MatplotlibText

from simsmtp.figures.line_styles import RC
from simsmtp.files import replace_files
from simsmtp.shown import html_text, shown

_DPI = 200


class PaperFigure(Figure):
    """A figure that a notebook shows although pyplot was never imported, and a script by `show`."""

    def show(self, warn: bool = True, *, block: bool | None = None) -> None:
        """Show this figure, and all open ones of pyplot, in windows of the user's matplotlib backend.

        Pyplot holds every figure that it makes until it is closed. Figures here are built without it: one that
        nobody shows is freed like any object, and ``plt.show()`` alone does not know it. It gets a window, and
        becomes a figure of pyplot, only here.

        Parameters
        ----------
        warn : bool
            False says nothing where the backend has no windows.
        block : bool, optional
            Whether to wait until the windows are closed; as of ``plt.show``: by default in a script.
        """
        import matplotlib.pyplot as plt  # which looks for a display: not before one is asked for
        from matplotlib._pylab_helpers import Gcf

        if self.canvas.manager not in Gcf.get_all_fig_managers():  # never shown, or its window was closed
            # The window of a new figure is given this one: what every backend and version of matplotlib allows.
            manager = plt.figure(figsize=self.get_size_inches(), dpi=self.dpi).canvas.manager
            assert manager is not None
            manager.canvas.figure = self
            self.set_canvas(manager.canvas)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a backend without windows, which may also say nothing
            plt.show(block=block)
        manager = self.canvas.manager
        if type(manager) is FigureManagerBase and manager in Gcf.get_all_fig_managers():
            plt.close(self)  # nobody else could: there is no window
            if warn:
                told = f"the backend {mpl.get_backend()} of matplotlib opens no window; savefig() writes a file"
                warnings.warn(told, stacklevel=2)

    def _repr_png_(self) -> bytes:
        _show_plainly(self)
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=110)
        return _with_palette(buffer)


def png_html(figure: Figure, alt: str) -> str:
    """Return a figure as an HTML image that needs no other file; `alt` says what it shows."""
    assert isinstance(figure, PaperFigure)
    data = base64.b64encode(figure._repr_png_()).decode()
    return f'<img alt="{html_text(alt)}" src="data:image/png;base64,{data}">'


def _with_palette(png: io.BytesIO) -> bytes:
    """Return a picture in 256 colours, plenty for lines and letters: a third of the octets for a notebook."""
    from PIL import Image

    small = io.BytesIO()
    with Image.open(png) as image:
        image.convert("RGB").quantize(256).save(small, "png", optimize=True)
    return small.getvalue()


def new_figure(width: float, height: float) -> PaperFigure:
    """Return an empty figure of that size in inches, laid out by constraints."""
    figure = PaperFigure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _show_plainly(figure: Figure) -> None:
    """Write out invisible characters of titles and legends, and take no dollar in them for a formula.

    The labels of ticks are made anew when they are drawn: `level_text` takes care of them.
    """
    for one in figure.findobj(MatplotlibText):
        text = one.get_text()
        if "$" in text and r"\mathdefault" not in text:  # that is a tick of matplotlib's own
            one.set_parse_math(False)
        if (plain := shown(text, keep="\n")) != text:
            one.set_text(plain)


@contextmanager
def _laid_out(figure: Figure, dpi: int) -> Iterator[None]:
    """Lay a figure out once for all that is drawn of it: `savefig` would do so for every format, and draw twice."""
    canvas, engine, usual = figure.canvas, figure.get_layout_engine(), figure.dpi
    try:
        figure.dpi = dpi
        if engine is not None and figure.axes:
            engine.execute(figure)
            figure.set_layout_engine("none")
        yield
    finally:
        figure.dpi = usual
        figure.set_layout_engine(engine)
        figure.set_canvas(canvas)


def figure_files(figure: Figure, name: str) -> dict[str, bytes]:
    """Return a figure as the contents of ``name.png`` (200 dots an inch) and ``name.svg``.

    Neither holds a date, a version or a random identifier: an equal figure gives equal bytes.
    """
    _show_plainly(figure)
    png, svg = io.BytesIO(), io.BytesIO()
    with mpl.rc_context({**RC, "svg.hashsalt": "simsmtp", "svg.fonttype": "path"}), _laid_out(figure, _DPI):
        dots: Any = FigureCanvasAgg(figure)
        dots.print_png(png, metadata={"Software": None})
        paths: Any = FigureCanvasSVG(figure)
        paths.print_svg(svg, metadata={"Date": None, "Creator": None})
    return {f"{name}.png": png.getvalue(), f"{name}.svg": svg.getvalue()}


def save_figure(figure: Figure, folder: str | Path, name: str) -> tuple[Path, Path]:
    """Write the `figure_files` of a figure into a folder, which is made if missing, and return their paths.

    Raises
    ------
    InputError
        If the folder or a file cannot be written.
    """
    png, svg = replace_files(Path(folder), figure_files(figure, name))
    return png, svg
