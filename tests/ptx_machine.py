"""A machine for PTX on the CPU: it runs what Numba has compiled, without a GPU, on host memory.

All threads of a grid go together: an instruction at a time, for those that stand at the lowest
place of the program, so that what has parted meets again. It knows the instructions that the
project's kernels are made of, and refuses others by name. It tells more than a GPU does: who reads
or writes outside of the arrays among the arguments, who leaves out a barrier, and which argument
has not its parameter's type. `cupy_double` launches with it.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

DTYPES: dict[str, Any] = {
    "s64": np.int64, "u64": np.uint64, "b64": np.int64, "s32": np.int32, "u32": np.uint32,
    "b32": np.int32, "f32": np.float32,
}  # fmt: skip
REGISTERS = {"rd": np.int64, "r": np.int32, "f": np.float32, "p": np.bool_}
TAKEN = {"u64": "iu", "u32": "iu", "f32": "f"}
"""The kinds of numbers that a parameter's type takes, besides addresses."""
MOST_STEPS = 100_000


class PTXError(RuntimeError):
    """A launch that a GPU would refuse, or run to a wrong end."""


class Instruction(NamedTuple):
    """`@guard opcode operands`, the opcode in its parts."""

    guard: str
    opcode: list[str]
    operands: list[str]


class Program(NamedTuple):
    """One kernel: its parameters' types by name, sizes of shared arrays, places of the labels."""

    parameters: dict[str, str]
    shared: dict[str, int]
    instructions: list[Instruction]
    labels: dict[str, int]


def parse(ptx: str, name: str) -> Program:
    """The kernel of that name."""
    text = re.sub(r"//.*", "", ptx)
    entry = re.search(rf"\.entry {re.escape(name)}\((.*?)\)\s*\{{(.*?)\n\}}", text, re.DOTALL)
    if entry is None:
        found = re.findall(r"\.entry (\w+)", text)
        raise PTXError(f"there is no kernel {name!r}, but {', '.join(found)}")
    parameters = {n: t for t, n in re.findall(r"\.param \.(\w+) (\w+)", entry[1])}
    shared = {n: int(size) for n, size in re.findall(r"\.shared .*?\.b8 (\w+)\[(\d+)\]", text)}
    instructions: list[Instruction] = []
    labels: dict[str, int] = {}
    for statement in re.sub(r"(?m)^(\$\w+):", r"\1:;", entry[2]).split(";"):
        word = statement.strip()
        if word.endswith(":"):
            labels[word[:-1]] = len(instructions)
        elif word and not word.startswith("."):
            match = re.fullmatch(r"(?:@(!?%p\d+)\s+)?(\S+)\s*(.*)", word, re.DOTALL)
            assert match is not None
            operands = [o.strip() for o in match[3].split(",")] if match[3] else []
            instructions.append(Instruction(match[1] or "", match[2].split("."), operands))
    return Program(parameters, shared, instructions, labels)


class Launch:
    """One launch: every register is an array with a number for each thread."""

    def __init__(self, program: Program, grid: Any, block: Any, arguments: Any) -> None:
        self.program = program
        self.arrays = [a for a in arguments if isinstance(a, np.ndarray)]
        self.parameters = dict(zip(program.parameters, bound(program, arguments), strict=True))
        grid, block = [(*sizes, 1, 1)[:3] for sizes in (grid, block)]
        z, y, x, tz, ty, tx = np.indices((*grid[::-1], *block[::-1]), np.int32).reshape(6, -1)
        self.count = x.size
        self.block = (z * grid[1] + y) * grid[0] + x
        places = {"tid": (tx, ty, tz), "ctaid": (x, y, z), "ntid": block, "nctaid": grid}
        self.special = {
            f"%{name}.{axis}": np.broadcast_to(np.int32(value), self.count)
            for name, values in places.items()
            for axis, value in zip("xyz", values, strict=True)
        }
        self.registers: dict[str, Any] = {}
        self.shared = {
            n: np.zeros((self.block[-1] + 1, s), "u1") for n, s in program.shared.items()
        }
        self.symbols = {name: (k + 1) << 20 for k, name in enumerate(self.shared)}
        self.at = np.zeros(self.count, np.intp)

    def run(self) -> None:
        """Until all threads have returned."""
        end = len(self.program.instructions)
        for _ in range(MOST_STEPS):
            place = int(self.at.min(initial=end))
            if place == end:
                return
            here = self.at == place
            instruction = self.program.instructions[place]
            if instruction.guard:
                held = self.registers[instruction.guard.lstrip("!")]
                taken = here & (held != instruction.guard.startswith("!"))
            else:
                taken = here
            self.at[here] += 1
            self.step(instruction, taken)
        raise PTXError(f"no end after {MOST_STEPS} steps")

    def step(self, instruction: Instruction, here: Any) -> None:
        """One instruction, for the threads that are `here`."""
        name, *words = instruction.opcode
        operands = instruction.operands
        if name == "ret":
            self.at[here] = len(self.program.instructions)
        elif name == "bra":
            self.at[here] = self.program.labels[operands[0]]
        elif name == "bar":
            absent = (self.at < len(self.program.instructions)) & ~here
            if np.isin(self.block[absent], self.block[here]).any():
                raise PTXError("threads of one block do not meet at a barrier")
        elif name == "ld" and words[0] == "param":
            self.write(operands[0], self.parameters[operands[1][1:-1]], here)
        elif name == "ld":
            self.write(
                operands[0], self.memory(words[0], DTYPES[words[1]], operands[1], here), here
            )
        elif name == "st":
            value = self.read(operands[1], DTYPES[words[1]])
            self.memory(words[0], DTYPES[words[1]], operands[0], here, value)
        else:
            self.write(operands[0], self.computed(name, words, operands[1:]), here)

    def computed(self, name: str, words: list[str], operands: list[str]) -> Any:
        """The result of an instruction that only computes."""
        dtype = DTYPES.get(words[-1])
        if name == "selp":
            condition = self.registers[operands[2]]
            return np.where(condition, *[self.read(o, dtype) for o in operands[:2]])
        values = [self.read(o, dtype) for o in operands]
        if name == "setp":
            return compared(words[0], *values)
        if name == "cvt":
            if words[:2] == ["sat", "f32"]:
                return np.clip(np.nan_to_num(values[0], nan=0), np.float32(0), np.float32(1))
            return values[0].astype(DTYPES[words[-2]])
        if name == "mul" and words[0] == "wide":
            return values[0].astype(np.int64) * values[1]
        if name == "fma":
            return rounded(*values, down=words[0] == "rm")
        if name not in OPERATIONS:
            raise PTXError(f"the instruction {'.'.join([name, *words])} is not known here")
        return OPERATIONS[name](*values)

    def read(self, operand: str, dtype: Any) -> Any:
        """An operand as an array of numbers of that type, one for each thread or for all."""
        if operand in self.special:
            value = self.special[operand]
        elif operand.startswith("%"):
            value = self.registers[operand]
        elif operand in self.symbols:
            value = np.array([self.symbols[operand]], np.int64)
        elif operand.startswith("0f"):
            value = np.frombuffer(bytes.fromhex(operand[2:]), ">f4").astype(np.float32)
        else:
            value = np.array([int(operand)]).astype(dtype)
        return value.view(dtype) if dtype is not None else value

    def write(self, register: str, value: Any, here: Any) -> None:
        """Set a register of the threads that are here; of the others it stays."""
        match = re.fullmatch(r"%([a-z]+)\d+", register)
        if match is None or match[1] not in REGISTERS:
            raise PTXError(f"the register {register} is of a kind that is not known here")
        dtype = REGISTERS[match[1]]
        if register not in self.registers:
            self.registers[register] = np.zeros(self.count, dtype)
        np.copyto(self.registers[register], np.asarray(value).view(dtype), where=here)

    def memory(self, space: str, dtype: Any, operand: str, here: Any, value: Any = None) -> Any:
        """What lies at an address, for each thread that is here; or write it there."""
        name, _, offset = operand[1:-1].partition("+")
        address = np.broadcast_to(self.read(name, np.int64) + int(offset or 0), self.count)
        found = np.zeros(self.count, dtype)
        left = here.copy()
        for start, numbers in self.regions(space):
            inside = left & (start <= address) & (address < start + numbers.shape[-1])
            if inside.any():
                places = (address[inside] - start) // found.itemsize
                view = numbers.view(dtype)
                index = (self.block[inside], places) if space == "shared" else (0, places)
                if value is None:
                    found[inside] = view[index]
                else:
                    view[index] = np.broadcast_to(value, self.count)[inside]
                left &= ~inside
        if left.any():
            done = "read" if value is None else "write"
            raise PTXError(f"{left.sum()} threads {done} outside of all arrays, at {operand}")
        return found

    def regions(self, space: str) -> list[tuple[int, Any]]:
        """Where the arrays begin, and their bytes: a row for each block, or one for all."""
        if space == "shared":
            return [(self.symbols[name], rows) for name, rows in self.shared.items()]
        return [(a.ctypes.data, a.reshape(1, -1).view("u1")) for a in self.arrays if a.size]


def bound(program: Program, arguments: Any) -> list[Any]:
    """The arguments as the parameters hold them: as many, and each of its parameter's type."""
    if len(arguments) != len(program.parameters):
        raise PTXError(f"{len(program.parameters)} parameters, and {len(arguments)} arguments")
    held = []
    for (name, kind), value in zip(program.parameters.items(), arguments, strict=True):
        if isinstance(value, np.ndarray):
            number = np.array([value.ctypes.data], np.int64)
            fits = kind == "u64"
        else:
            number = np.array([value])
            fits = number.itemsize == np.dtype(DTYPES[kind]).itemsize
            fits &= number.dtype.kind in TAKEN[kind]
        if not fits:
            raise PTXError(f"{name} is .{kind}, and got {number.dtype} for it")
        held.append(number)
    return held


def compared(how: str, a: Any, b: Any) -> Any:
    """`setp`: a name that ends with u holds for a NaN too."""
    if how == "nan":
        return np.isnan(a) | np.isnan(b)
    unordered = how.endswith("u") and len(how) == 3
    result = getattr(np, ORDERS[how[:2]])(a, b)
    return result | np.isnan(a) | np.isnan(b) if unordered else result


ORDERS = {"eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater",
          "ge": "greater_equal"}  # fmt: skip


def rounded(a: Any, b: Any, c: Any, *, down: bool) -> Any:
    """a b + c with one rounding to float32, to the nearest or down."""
    exact = a.astype(np.float64) * b + c
    nearest = exact.astype(np.float32)
    if not down:
        return nearest
    return np.where(nearest > exact, np.nextafter(nearest, np.float32(-np.inf)), nearest)


OPERATIONS: dict[str, Any] = {
    "abs": np.abs,
    "add": np.add,
    "and": np.bitwise_and,
    "copysign": lambda sign, size: np.copysign(size, sign),
    "cvta": lambda a: a,
    "div": lambda a, b: a / b if a.dtype.kind == "f" else a // b,
    "ex2": np.exp2,
    "lg2": np.log2,
    "max": np.fmax,
    "min": np.fmin,
    "mov": lambda a: a,
    "mul": np.multiply,
    "neg": np.negative,
    "not": np.invert,
    "or": np.bitwise_or,
    "rcp": lambda a: np.float32(1) / a,
    "shl": np.left_shift,
    "shr": np.right_shift,
    "sqrt": np.sqrt,
    "sub": np.subtract,
    "xor": np.bitwise_xor,
}


def run(ptx: str, name: str, grid: Any, block: Any, arguments: Any) -> None:
    """Launch a kernel of a PTX text; the arrays among the arguments are read and written in place.

    Raises:
        PTXError: what a GPU would refuse, and what it would do wrong without a word.
    """
    with np.errstate(all="ignore"):
        Launch(parse(ptx, name), grid, block, arguments).run()
