"""Tasks: stimuli that carry known features whose computational roles are matched."""

from repbias.tasks.boolean import BooleanFeature as BooleanFeature
from repbias.tasks.boolean import BooleanTask as BooleanTask
from repbias.tasks.boolean_extras import Agreement as Agreement
from repbias.tasks.boolean_extras import Probe as Probe
from repbias.tasks.boolean_functions import boolean_function as boolean_function
from repbias.tasks.design import DesignCheck as DesignCheck
from repbias.tasks.design import check_design as check_design
from repbias.tasks.image_feature import ImageFeature as ImageFeature
from repbias.tasks.images import ImageTask as ImageTask
from repbias.tasks.strings import StringTask as StringTask
from repbias.tasks.symbols import SymbolFeature as SymbolFeature
from repbias.tasks.symbols import SymbolTask as SymbolTask
from repbias.tasks.task import NOT_ASKED as NOT_ASKED
from repbias.tasks.task import Manipulation as Manipulation
from repbias.tasks.task import Split as Split
from repbias.tasks.task import Stimuli as Stimuli
from repbias.tasks.task import Task as Task
