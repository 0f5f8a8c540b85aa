"""Deployments for the tests: on each backend, started once for all tests that do not hurt each other."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from tests.acceptance.deployment import Deploy, Deployment
from tests.acceptance.lives import Lives
from tests.acceptance.receiver import Manners, Receiver, polite, receiving
from tests.conftest import database_on, run_on

_running: list[Deployment] = []


@pytest.fixture(scope="session")
def deploy(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Deploy:
    """`with deploy("kafka", "story") as (deployment, receiver):` with a folder, topics and a database of its own."""

    @contextmanager
    def deployed(
        backend: str, workspace: str, manners: Manners = polite, **variables: str
    ) -> Iterator[tuple[Deployment, Receiver]]:
        folder = tmp_path_factory.mktemp(f"{workspace}-{backend}-")
        with (
            receiving(manners) as receiver,
            _servers(backend, request) as servers,
            Deployment(folder, workspace, receiver, servers, **variables) as deployment,
        ):
            _running.append(deployment)
            try:
                yield deployment, receiver
            finally:
                _running.remove(deployment)

    return deployed


@contextmanager
def _servers(backend: str, request: pytest.FixtureRequest) -> Iterator[tuple[str, str] | None]:
    if backend == "embedded":
        yield None
        return
    server, template = request.getfixturevalue("postgres_server"), request.getfixturevalue("postgres_template")
    name = f"successplays_acceptance_{uuid4().hex[:8]}"
    run_on(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield request.getfixturevalue("kafka"), database_on(server, name)
    finally:
        run_on(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def lives(deploy: Deploy) -> Lives:
    return Lives(deploy)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What the processes said at last belongs to a test that failed."""
    report = yield
    if report.failed:
        for deployment in _running:
            report.sections.append((f"processes in {deployment.folder}", deployment.tails))
    return report
