"""``taylorattr mip-in``: ``fit`` inverses of a model's layers, ``attribute`` what they say of an input."""

from __future__ import annotations

import argparse
import json

from taylorattr.cli import data as data_files
from taylorattr.cli.arguments import add_shared_arguments, device_named, read_request, threads
from taylorattr.cli.model_files import load_fitting
from taylorattr.cli.written_files import require_folder, require_result_suffix
from taylorattr.errors import OptionError
from taylorattr.methods import attribute
from taylorattr.methods.extra import MIPIN
from taylorattr.methods.extra.mip_in.mipin import READS
from taylorattr.methods.extra.mip_in.signals import TOPS

SUMMARY = "invert a model layer by layer and read the source signal of an input (MIP-IN)"

DESCRIPTION = """\
Invert your own model layer by layer (MIP-IN, arXiv 2104.06629): fit the inverses to training inputs once,
then read how much of each input the output still knows, and which part of it belongs to which output.

examples:
  taylorattr mip-in fit --model mynet:make --data sklearn:digits --rows 0:1347 --report 1347: --out f.npz
  taylorattr mip-in attribute f.npz --model mynet:make --data sklearn:digits --rows 1347:1350 --target 3
  taylorattr mip-in attribute f.npz --model mynet:make --data x.npy --target 3 --read contrast --out a.npz
  taylorattr mip-in fit --model myresnet:make --data x.npy --layer layer4 --out upper.npz
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the two actions and their arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    texts = {
        "fit": "fit the inverses to training inputs and save them",
        "attribute": "read fitted inverses at some inputs",
    }
    made = {
        name: actions.add_parser(name, help=text, description=text, formatter_class=parser.formatter_class)
        for name, text in texts.items()
    }
    _add_fit_arguments(made["fit"])
    made["attribute"].add_argument("fitted", metavar="FILE.npz", help="what `taylorattr mip-in fit` wrote")
    add_shared_arguments(made["attribute"], frame=False)
    reading = made["attribute"].add_argument_group("read-out")
    reading.add_argument(
        "--read",
        choices=READS,
        default="attribution",
        help="attribution: A_c, what s gains per unit of the output (default); contrast: A_c without the "
        "mean of all outputs; class_signal: A_c times the output; source_signal: s; distractor: x − s",
    )
    reading.add_argument(
        "--top", type=int, default=10, metavar="N", help="scores printed per example (default: 10)"
    )


def _add_fit_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_argument_group("what is inverted")
    what.add_argument(
        "--model", required=True, metavar="M", help="package.module:factory or a torch.export file"
    )
    what.add_argument("--weights", metavar="FILE", help="state dict for the model")
    what.add_argument(
        "--data",
        required=True,
        metavar="D",
        help=".npy, .npz, .csv or sklearn:NAME: training inputs",
    )
    what.add_argument("--drop", action="append", metavar="COL", help="leave a column out, such as the label")
    what.add_argument(
        "--standardize", action="store_true", help="mean 0, standard deviation 1 per column, over all rows"
    )
    what.add_argument("--rows", default=":", metavar="A:B", help="examples to fit to (default: all)")
    what.add_argument("--layer", metavar="PATH", help="invert only what lies above this module's output")
    how = parser.add_argument_group("how")
    how.add_argument(
        "--top",
        choices=tuple(TOPS),
        default="positive",
        help="signal at the top (default: max(y, 0))",
    )
    how.add_argument(
        "--pool",
        choices=("switch", "upsample"),
        default="switch",
        help="of a max-pool (default: switch)",
    )
    how.add_argument("--global", dest="everywhere", action="store_true", help="without masks of ReLUs")
    how.add_argument("--bias", action="store_true", help="inverses with a bias")
    how.add_argument("--ridge", type=float, default=1e-3, help="of linear layers (default: 0.001)")
    how.add_argument("--steps", type=int, default=700, help="of Adam per convolution (default: 700)")
    how.add_argument("--max-samples", type=int, default=10_000, help="examples used (default: 10000)")
    how.add_argument("--device", default="cpu", help="cpu (default), cuda, cuda:1, mps")
    how.add_argument("--seed", type=int, default=0, help="seed of everything drawn (default: 0)")
    how.add_argument("--num-threads", type=int, metavar="N", help="threads of one operation")
    out = parser.add_argument_group("output")
    out.add_argument("--out", required=True, metavar="FILE.npz", help="save the inverses, without the model")
    out.add_argument(
        "--report", metavar="A:B", help="print completeness and minimality on these rows, not fitted to"
    )
    out.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(arguments: argparse.Namespace) -> int:
    """Fit or read, print, save; return the exit status."""
    return _fit(arguments) if arguments.action == "fit" else _attribute(arguments)


def _fit(arguments: argparse.Namespace) -> int:
    require_folder("--out", arguments.out)
    if not arguments.out.endswith(".npz"):
        raise OptionError(f"--out {arguments.out}: fitted inverses are saved as .npz")
    data = data_files.load(arguments.data, arguments.drop)
    if arguments.standardize:
        data = data.standardized()
    rows = data.rows(arguments.rows)
    judged = data.rows(arguments.report, option="--report") if arguments.report else None
    if len(rows.tensors) != 1:
        raise OptionError(f"--data {arguments.data} holds {len(rows.tensors)} arrays; MIP-IN takes one input")
    device = device_named(arguments.device)
    (x,) = (t.to(device) for t in rows.tensors)
    mip = MIPIN(
        load_fitting(arguments.model, arguments.weights, (x,), arguments.data),
        top=arguments.top,
        local=not arguments.everywhere,
        pool=arguments.pool,
        bias=arguments.bias,
        ridge=arguments.ridge,
        layer=arguments.layer,
        steps=arguments.steps,
        max_samples=arguments.max_samples,
        seed=arguments.seed,
        show_progress=not arguments.json,
    )
    with threads(arguments.num_threads):
        mip.fit(x)
        report = None if judged is None else mip.report(judged.tensors[0].to(device))
    mip.save(arguments.out)
    if arguments.json:
        found = {"samples": mip.samples, "layer_errors": mip.layer_errors}
        found |= {} if report is None else {"report": report.to_dict()}
        print(json.dumps(found, ensure_ascii=False))
        return 0
    print(f"inverses fitted to {mip.samples} examples; of the values at a layer's input they leave")
    for name, error in mip.layer_errors.items():
        print(f"  {name:<24}  {error:.3f}")
    if report is not None:
        print(report)
    return 0


def _attribute(arguments: argparse.Namespace) -> int:
    if arguments.top < 0:
        raise OptionError(f"--top {arguments.top}: expected 0 or more")
    require_result_suffix(arguments.out)
    request = read_request(arguments)
    fitted = MIPIN.load(arguments.fitted, request.question.model)
    with threads(arguments.num_threads):
        result = attribute("mip_in", **request.arguments(), fitted=fitted, read=arguments.read)
    if arguments.out:
        result.save(arguments.out)
    print(
        json.dumps(result.to_dict(), ensure_ascii=False) if arguments.json else result.summary(arguments.top)
    )
    return 0
