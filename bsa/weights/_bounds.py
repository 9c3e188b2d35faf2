"""How much memory and how deep a nesting a pickle may ask for, found before anything in it is made."""

import pickle
import pickletools

MOST = 2**24  # bytes of a pickle, which holds names and shapes: the numbers lie beside it
DEEPEST = 50  # tuples within one another; Python recurs into them, and dies of some ten thousands


def check(file):
    """Refuse the pickle that comes next in `file` if it takes more memory, or nests deeper, than tensors need.

    Python's unpickler makes room for all numbers of remembered things below the largest: nine bytes could take all
    memory. Tuples within one another it makes as deep as it is told, and the process dies where they are hashed.
    """
    begin, largest, depths = file.tell(), 0, Depths()
    for code, argument, at in pickletools.genops(file):
        largest = max(largest, int(argument)) if code.name.endswith("PUT") else largest
        if at - begin > MOST or depths.after(code, argument) > DEEPEST:
            raise pickle.UnpicklingError(f"a pickle of over {MOST} bytes or {DEEPEST} levels")
    if largest > file.tell() - begin:
        raise pickle.UnpicklingError(f"a pickle of {file.tell() - begin} bytes that numbers {largest} things")
    file.seek(begin)


class Depths:
    """How deep the things on a pickle's stack are nested, op by op, without making them."""

    def __init__(self):
        self.stack, self.marks, self.memo = [], [], {}

    def after(self, code, argument):
        """The depth of what is on top of the stack after an op (of `pickletools`) with its argument."""
        if code.name == "MARK":
            self.marks.append(len(self.stack))
            return 0
        if "GET" in code.name:
            self.stack.append(self.memo[int(argument)])
        elif "PUT" in code.name or code.name == "MEMOIZE":
            self.memo[len(self.memo) if argument is None else int(argument)] = self.stack[-1]
        elif code.name == "DUP":
            self.stack.append(self.stack[-1])
        else:
            taken = self._take(code.stack_before)
            made = 1 + max(taken) if taken else 0
            self.stack += [made] * len(code.stack_after)
        return self.stack[-1] if self.stack else 0

    def _take(self, before):
        """Take off the stack what an op takes; a container that it fills counts as one level less, as it stays."""
        if pickletools.markobject in before:
            at = self.marks.pop() - before.index(pickletools.markobject)
        else:
            at = len(self.stack) - len(before)
        taken = self.stack[at:]
        if at < 0:
            raise pickle.UnpicklingError("a pickle that takes more than there is")
        del self.stack[at:]
        fills = before and before[0] in (pickletools.pylist, pickletools.pydict, pickletools.pyset)
        return [taken[0] - 1, *taken[1:]] if fills and taken else taken
