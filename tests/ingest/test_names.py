import pytest

from services.ingest.reading.names import normalise


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("report.exported", "report.exported"),
        ("a.b.c", "a.b.c"),
        ("data_export.finished", "data_export.finished"),
        ("Report Exported", "report.exported"),
        ("Data Export Finished", "data_export.finished"),
        ("data_export_finished", "data_export.finished"),
        ("data-export-finished", "data_export.finished"),
        ("dataExportFinished", "data_export.finished"),
        ("HTTPRequestFailed", "http_request.failed"),
        ("NPS2 Answered", "nps2.answered"),
        ("Signup", "signup"),
        ("signup", "signup"),
        ("  Signed   Up  ", "signed.up"),
        ("Checkout: Started (v2)", "checkout_started.v2"),
        ("Report.Exported", "report.exported"),
        ("Data Export.Has Finished", "data_export.has_finished"),
        (".exported.", "exported"),
        ("Bericht Geöffnet", "bericht.geöffnet"),
        ("!?", ""),
        ("...", ""),
    ],
)
def test_a_foreign_name_becomes_object_and_verb(sent: str, name: str) -> None:
    assert normalise(sent) == name
    assert normalise(name) == name
