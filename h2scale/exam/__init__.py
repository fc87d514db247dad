"""The exam: any potential against exact physics, with checks that charge and spin reach it.

`examine` asks a calculator of this process everything, `check_conditioning` ten questions, `check_separation` whether
two molecules far apart add up; they are re-exported here.
`session` runs the exam of the command line; `sections` holds the questions, `calculators` the models, `references` the
curves that predictions are compared with. A section is added in `sections`, a model in `registry.yaml`.
"""

from h2scale.exam.card import Card as Card
from h2scale.exam.examination import ConditioningReport as ConditioningReport
from h2scale.exam.examination import check_conditioning as check_conditioning
from h2scale.exam.examination import check_separation as check_separation
from h2scale.exam.examination import examine as examine
