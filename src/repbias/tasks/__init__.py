"""Tasks: stimuli that carry known features whose computational roles are matched."""

from typing import Annotated, TypeAlias

from repbias.core.specs import OneOf
from repbias.tasks.arrays.task import ArrayTask as ArrayTask
from repbias.tasks.bits.boolean import Agreement as Agreement
from repbias.tasks.bits.boolean import BooleanFeature as BooleanFeature
from repbias.tasks.bits.boolean import BooleanTask as BooleanTask
from repbias.tasks.bits.boolean import Probe as Probe
from repbias.tasks.bits.functions import boolean_function as boolean_function
from repbias.tasks.bits.symbols import SymbolFeature as SymbolFeature
from repbias.tasks.bits.symbols import SymbolTask as SymbolTask
from repbias.tasks.design import DesignCheck as DesignCheck
from repbias.tasks.design import check_design as check_design
from repbias.tasks.images.spec import ImageFeature as ImageFeature
from repbias.tasks.images.task import ImageTask as ImageTask
from repbias.tasks.strings.task import StringTask as StringTask
from repbias.tasks.task import UNLABELLED as UNLABELLED
from repbias.tasks.task import Manipulation as Manipulation
from repbias.tasks.task import Split as Split
from repbias.tasks.task import Stimuli as Stimuli
from repbias.tasks.task import Task as Task
from repbias.tasks.user import UserTask as UserTask

# Every kind of task that a study can name; the first is the default.
TASK_KINDS: tuple[type[Task], ...] = (BooleanTask, SymbolTask, StringTask, ImageTask, ArrayTask, UserTask)
AnyTask: TypeAlias = Annotated[Task, OneOf(TASK_KINDS, "task")]
