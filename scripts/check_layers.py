#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fails on an #include that breaks the layers.

    include/tofu [0]  <  src/base [1]  <  src/wire [2], src/os [2]  <  src/engine [3]

A layer includes itself and lower numbers; wire and os never see each other. System headers stand
under src/os/*/ only, and a platform's folder is nobody else's. Tools, recipes and benchmarks reach
the library through <tofu/...> only.
"""
import pathlib
import sys
from typing import Iterator

from source_tree import (
    SERVICE_HEADERS,
    Finding,
    Include,
    Plant,
    Source,
    run,
    sources,
    standard_header,
)

# For each part of the library, the parts whose headers it may include besides <tofu/...>.
MAY_INCLUDE = {
    "base": {"base"},
    "wire": {"base", "wire"},
    "os": {"base", "os"},
    "engine": {"base", "wire", "os", "engine"},
}
USERS = ("tools", "recipes", "bench")


def part_of(source: Source) -> str:
    """The part of the library a file of src/ is in, or the top folder."""
    folders = source.path.split("/")
    return folders[1] if folders[0] == "src" and len(folders) > 2 else folders[0]


def platform_of(path: str) -> str | None:
    """The platform folder of a path like os/linux/x.h, else None."""
    folders = path.split("/")
    return folders[1] if folders[0] == "os" and len(folders) == 3 else None


def wrong_form(root: pathlib.Path, source: Source, include: Include) -> str | None:
    if ".." in include.path.split("/"):
        return "include paths have no '..'"
    if include.is_quoted and include.path.startswith("tofu/") and not source.path.startswith("tools/"):
        return "the public headers are included as <tofu/...>"
    if not include.is_quoted and include.path.split("/")[0] in MAY_INCLUDE:
        return "the project's own headers are included in quotes"
    if include.path.startswith("#"):
        return "an include names its file"
    return None


def wrong_angled(source: Source, include: Include) -> str | None:
    """What is wrong with <...> in a file of the library."""
    if include.path.startswith("tofu/"):
        return None
    in_platform = platform_of(source.path.removeprefix("src/")) is not None
    if in_platform:
        return None
    name = standard_header(include.path)
    if name is None:
        return "system headers stand under src/os/*/ only"
    if name in SERVICE_HEADERS:
        return f"<{include.path}> asks the system for something: that is the os layer's"
    return None


def wrong_quoted(root: pathlib.Path, source: Source, include: Include) -> str | None:
    """What is wrong with "..." in a file of the library."""
    part = part_of(source)
    if part == "include":
        return "public headers include <tofu/...> and standard headers only"
    if not (root / "src" / include.path).is_file():
        return "include paths start at src/"
    target = include.path.split("/")[0]
    if target not in MAY_INCLUDE[part]:
        return f"src/{part} may not see src/{target}"
    platform = platform_of(include.path)
    if platform not in (None, "posix", platform_of(source.path.removeprefix("src/"))):
        return f"src/os/{platform} is that platform's alone"
    if platform is not None and platform_of(source.path.removeprefix("src/")) is None:
        return f"src/os/{platform} is seen by platform folders only"
    return None


def wrong_for_user(root: pathlib.Path, source: Source, include: Include) -> str | None:
    """What is wrong with "..." in a tool, a recipe or a benchmark."""
    top, *rest = source.path.split("/")
    # Beside the file, or from the root of the tool it is a part of.
    folders = [(root / source.path).parent, root / top, root / top / rest[0]]
    if any((folder / include.path).is_file() for folder in folders):
        return None
    return f"{top} reaches the library through <tofu/...> only"


def own_headers(root: pathlib.Path, source: Source) -> set[str]:
    """The headers that have a .c file's name: one of them declares what it defines."""
    if not source.path.startswith("src/"):
        header = (root / source.path).with_suffix(".h")
        return {header.name} if header.is_file() else set()
    path = pathlib.PurePosixPath(source.path).relative_to("src")
    candidates = {str(path.with_suffix(".h")): root / "src" / path.with_suffix(".h")}
    if platform_of(str(path)):
        candidates[f"os/{path.stem}.h"] = root / "src" / "os" / f"{path.stem}.h"
    # A public header belongs to the file of that name only if there is no internal one.
    present = {name for name, file in candidates.items() if file.is_file()}
    public = root / "include" / "tofu" / f"{path.stem}.h"
    return present or ({f"tofu/{path.stem}.h"} if public.is_file() else set())


def check_order(root: pathlib.Path, source: Source, includes: list[Include]) -> Iterator[Finding]:
    """Own header first, then the standard's and the system's, then <tofu/...>, then the project's."""
    rest = includes
    if source.path.endswith(".c"):
        own = own_headers(root, source)
        if own and (not includes or includes[0].path not in own):
            line = includes[0].line if includes else 1
            yield Finding(source.path, line, "own-first", f"includes {' or '.join(own)} first")
        # Where several files share a header, the first include is that header.
        if own or (includes and (includes[0].is_quoted or includes[0].path.startswith("tofu/"))):
            rest = includes[1:]
    ranks = [(2 if i.is_quoted else 1 if i.path.startswith("tofu/") else 0) for i in rest]
    for before, after, include in zip(ranks, ranks[1:], rest[1:]):
        if after < before:
            text = "standard headers, then <tofu/...>, then the project's"
            yield Finding(source.path, include.line, "order", text)


def check(root: pathlib.Path) -> Iterator[Finding]:
    for source in sources(root):
        includes = list(source.includes())
        top = source.path.split("/")[0]
        for include in includes:
            text = wrong_form(root, source, include)
            if text is None and top in ("include", "src"):
                wrong = wrong_quoted(root, source, include) if include.is_quoted else None
                text = wrong if include.is_quoted else wrong_angled(source, include)
            elif text is None and top in USERS and include.is_quoted:
                text = wrong_for_user(root, source, include)
            if text is not None:
                yield Finding(source.path, include.line, "layer", f"{include.path}: {text}")
        if top in ("include", "src") + USERS:
            yield from check_order(root, source, includes)


# A tree without violations. Each plant adds or replaces one file of it.
BACKGROUND = {
    "include/tofu/status.h": "#include <stdint.h>\n#include <tofu/export.h>\n",
    "include/tofu/export.h": "",
    "src/base/list.h": "#include <tofu/status.h>\n",
    "src/base/status.c": "#include <tofu/status.h>\n\n#include <assert.h>\n",
    "src/wire/frame.h": '#include "base/list.h"\n',
    "src/wire/frame.c": '#include "wire/frame.h"\n\n#include <string.h>\n\n#include "base/list.h"\n',
    "src/os/socket.h": '// #include "wire/frame.h"\n#include <tofu/status.h>\n',
    "src/os/posix/names.h": "#include <unistd.h>\n",
    "src/os/posix/socket.c": '#include "os/socket.h"\n#include <unistd.h>\n#include "os/posix/names.h"\n',
    "src/os/linux/epoll.h": "#include <sys/epoll.h>\n",
    "src/os/linux/epoll.c": '#include "os/linux/epoll.h"\n#include "os/posix/names.h"\n',
    "src/engine/pool.h": '#include "os/socket.h"\n#include "wire/frame.h"\n',
    "src/engine/pool.c": '#include "engine/pool.h"\n\n#include <tofu/status.h>\n',
    "tools/tofu/options.h": "#include <popt.h>\n",
    "tools/tofu/main.c": '#include <unistd.h>\n\n#include <tofu/status.h>\n\n#include "options.h"\n',
    "tools/tofu/os/clock.h": "",
    "tools/tofu/os/posix/clock.c": '#include "os/clock.h"\n\n#include <time.h>\n',
    "recipes/echo.c": "#include <stdio.h>\n\n#include <tofu/status.h>\n",
    "tests/unit/frame_test.c": '#include "wire/frame.h"\n#include <unistd.h>\n',
}
PLANTS = [
    Plant("layer", "include/tofu/a.h", '#include "base/list.h"\n'),
    Plant("layer", "include/tofu/a.h", "#include <sys/types.h>\n"),
    Plant("layer", "include/tofu/a.h", '#include "tofu/export.h"\n'),
    Plant("layer", "src/base/a.c", '#include "wire/frame.h"\n'),
    Plant("layer", "src/base/a.c", '#include "engine/pool.h"\n'),
    Plant("layer", "src/base/a.c", "#include <unistd.h>\n"),
    Plant("layer", "src/base/a.c", '#include "list.h"\n'),
    Plant("layer", "src/base/a.c", '#include "base/../wire/frame.h"\n'),
    Plant("layer", "src/base/a.c", "#include <base/list.h>\n"),
    Plant("layer", "src/base/a.c", "#include LIST\n"),
    Plant("layer", "src/wire/a.c", '#include "os/socket.h"\n'),
    Plant("layer", "src/wire/a.c", "#  include <time.h>\n"),
    Plant("layer", "src/os/a.c", '#include "wire/frame.h"\n'),
    Plant("layer", "src/os/a.c", "#include <sys/socket.h>\n"),
    Plant("layer", "src/os/a.c", '#include "os/posix/names.h"\n'),
    Plant("layer", "src/os/posix/a.c", '#include "os/linux/epoll.h"\n'),
    Plant("layer", "src/os/posix/a.c", '#include "engine/pool.h"\n'),
    Plant("layer", "src/engine/a.c", '#include "os/linux/epoll.h"\n'),
    Plant("layer", "src/engine/a.c", "#include <pthread.h>\n"),
    Plant("layer", "src/engine/a.c", "#include <threads.h>\n"),
    Plant("layer", "tools/tofu/a.c", '#include "base/list.h"\n'),
    Plant("layer", "tools/tofu/os/posix/a.c", '#include "os/socket.h"\n'),
    Plant("layer", "recipes/a.c", '#include "os/socket.h"\n'),
    Plant("layer", "bench/a.c", '#include "engine/pool.h"\n'),
    Plant("layer", "tests/unit/a.c", '#include "../../src/base/list.h"\n'),
    Plant("own-first", "src/wire/frame.c", '#include <string.h>\n#include "wire/frame.h"\n'),
    Plant("own-first", "src/os/posix/socket.c", '#include <unistd.h>\n#include "os/socket.h"\n'),
    Plant("own-first", "src/base/status.c", "#include <assert.h>\n#include <tofu/status.h>\n"),
    Plant("own-first", "src/engine/pool.c", "int pool;\n"),
    Plant("own-first", "tools/tofu/options.c", '#include <stdio.h>\n#include "options.h"\n'),
    Plant(
        "order",
        "src/base/a.c",
        '#include "base/list.h"\n#include "base/list.h"\n#include <tofu/status.h>\n',
    ),
    Plant("order", "src/base/a.h", '#include "base/list.h"\n#include <tofu/status.h>\n'),
    Plant("order", "tools/tofu/main.c", '#include <stdio.h>\n#include "options.h"\n#include <stdlib.h>\n'),
    Plant("order", "recipes/a.h", "#include <tofu/status.h>\n#include <stdio.h>\n"),
    Plant("", "src/engine/a.c", '#include "engine/pool.h"\n\n#include <stdio.h>\n'),
    Plant("", "src/os/posix/a.c", "#include <time.h>\n#include <sys/socket.h>\n"),
]

if __name__ == "__main__":
    sys.exit(run("check_layers", check, BACKGROUND, PLANTS))
