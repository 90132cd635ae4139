"""What the validation measures inside of a pod, in containers that are and are not restricted."""

import json

from k8s.validation.live import MEASURE
from tests.container.engine import RESTRICTED, container


def measured(image, *options):
    with container(image, *options) as running:
        return {what for what, there in json.loads(running.python(MEASURE)).items() if there}


def test_in_a_restricted_container_nothing_is_found(production):
    assert measured(production, *RESTRICTED) == set()


def test_in_a_careless_container_everything_is_found(production):
    careless = ("--user", "0", "--cap-add", "ALL", "--security-opt", "seccomp=unconfined")
    assert measured(production, *careless) == {
        *("root", "capabilities", "new privileges", "every system call", "a writable root"),
    }
