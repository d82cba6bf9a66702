"""Train: is it getting better, when is it done?

Everything shown is read from the trainings' own files, so a reload or a restart changes nothing.
"""

from dataclasses import dataclass

import gradio as gr

from core.train.queue.jobs import Job
from core.train.queue.progress import Progress
from tabs.train import adapters, export_merge, form, preference, preview, queue, run, samples, sweep
from tabs.ui import publish
from tabs.ui.adapters import begin_talk, kept
from tabs.ui.download import build_download
from tabs.ui.handler import EVENT, handler
from tabs.ui.heartbeat import stage_mark
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client, t_heading
from tabs.ui.visitor import Visitor

MOST = 30  # newest trainings in the list


@dataclass(frozen=True)
class RunHandlers:
    """Shows the trainings of an owner and what can be done with each."""

    services: Services

    @handler
    def refresh(self, visitor: Visitor, chosen: str, shown: tuple) -> tuple:
        """(chosen id, list, its card, picture, buttons, result, loaded model, what is shown); nothing if unchanged."""
        jobs = sorted(self.services.jobs.list_all(visitor.owner), key=lambda job: job.created, reverse=True)[:MOST]
        standing = {job.id: self.services.jobs.progress(visitor.owner, job.id) for job in jobs}
        job = next((j for j in jobs if j.id == chosen), None) or _foremost(jobs, standing)
        status = self.services.models.status
        model = f"{status.name} {status.parameters}" if status.state == "ready" else ""
        lines = [(f"{j.name}　{run.state_words(standing[j.id], visitor.language)}", j.id) for j in jobs]
        state = (tuple(lines), job.id if job else "", stage_mark(standing[job.id]) if job else (), model)
        if state == shown:
            return (gr.skip(),) * 11
        if job is None:
            hidden, no_buttons = gr.Column(visible=False), (gr.Button(visible=False),) * 4
            none, empty = gr.Radio(choices=[], value=None), run.nothing(visitor.language)
            return "", none, hidden, empty, *no_buttons, hidden, model, state
        progress = standing[job.id]
        usable = job.adapter is not None and progress.state in run.ENDED
        stop = t(visitor.language, "train.stop_waiting" if progress.state == "queued" else "train.stop")
        return (
            job.id,
            gr.Radio(choices=lines, value=job.id),
            gr.Column(visible=True),
            run.picture(job, progress, visitor.language),
            gr.Button(stop, visible=progress.state in ("queued", "running")),
            gr.Button(visible=progress.state in ("stopped", "failed", "killed")),
            gr.Button(visible=progress.state in (*run.ENDED, "queued")),
            gr.Button(visible=usable),
            gr.Column(visible=usable),
            model,
            state,
        )

    @handler
    def stop(self, visitor: Visitor, chosen: str) -> None:
        """End after the step at hand; the adapter so far is kept."""
        self.services.jobs.stop(visitor.owner, chosen)

    @handler
    def resume(self, visitor: Visitor, chosen: str) -> None:
        """Go on from the last checkpoint, behind what waits already."""
        self.services.jobs.resume(visitor.owner, chosen)

    @handler
    def delete(self, visitor: Visitor, chosen: str) -> str:
        """Remove the training for good; what was kept stays."""
        self.services.jobs.delete(visitor.owner, chosen)
        return ""

    @handler
    def talk(self, visitor: Visitor, chosen: str) -> tuple[str, gr.Tabs]:
        """A conversation with what was trained: (its id, the way to it). Loads the adapter's base where needed."""
        adapter = kept(self.services, visitor.owner, chosen)
        return begin_talk(self.services, visitor, adapter), gr.Tabs(selected="talk")

    @handler
    def download_zip(self, visitor: Visitor, chosen: str) -> tuple[str, str]:
        """The adapter as a file to download: (its path, what to do next)."""
        adapter, workspace = kept(self.services, visitor.owner, chosen), self.services.workspace
        with workspace.download_folder(visitor.owner) as folder:
            file = workspace.hand_out(
                visitor.owner, self.services.adapters.zip_file(visitor.owner, adapter.name, folder)
            )
        return str(file), f'<p class="muted">{t(visitor.language, "train.zipping")}</p>'


def _foremost(jobs: list[Job], standing: dict[str, Progress]) -> Job | None:
    """The training that runs, else the newest."""
    running = (job for job in jobs if standing[job.id].state in ("running", "stopping"))
    return next(running, jobs[0] if jobs else None)


def build(services: Services, shared: Shared) -> None:
    """Left what to learn, right how it goes."""
    handlers = RunHandlers(services)
    chosen = gr.State("")
    with gr.Row(elem_classes="columns"):
        with gr.Column(scale=5, min_width=260):
            made = form.build(services, shared, chosen)
            sweep.build(services, shared, made, chosen)
            with gr.Column(elem_classes="card", visible=False) as history:
                gr.Markdown(t_heading("train.runs"), elem_classes="title")
                runs = gr.Radio(
                    choices=[], label=t_client("train.runs"), show_label=False, container=False, elem_id="runs"
                )
            adapters.build(services, shared)
        with gr.Column(scale=13, min_width=320, elem_classes="middle"):
            with gr.Column(elem_classes="card"):
                gr.Markdown(t_heading("train.loss"), elem_classes="title")
                picture = gr.HTML(padding=False, elem_id="train-picture")
                queue.build(services, shared, chosen)
                with gr.Row(elem_classes="actions"):
                    stop = gr.Button(t_client("train.stop"), variant="stop", visible=False, elem_id="train-stop")
                    talk = gr.Button(t_client("train.talk"), variant="primary", visible=False, elem_id="train-talk")
                    resume = gr.Button(t_client("train.resume"), visible=False, elem_id="train-resume")
                    delete = gr.Button(t_client("train.delete"), variant="stop", visible=False, elem_id="train-delete")
                with gr.Column(visible=False, elem_classes="bare") as sure:
                    gr.Markdown(t_client("train.delete_sure"), elem_classes="muted")
                    with gr.Row(elem_classes="actions"):
                        yes = gr.Button(t_client("train.delete_yes"), variant="stop", size="sm", elem_id="delete-yes")
                        no = gr.Button(t_client("train.delete_no"), size="sm")
            preview.build(services, shared.key, made.components)
            samples.build(services, shared, chosen)
            with gr.Column(visible=False, elem_classes="card") as result:
                gr.Markdown(t_heading("publish.keep"), elem_classes="title")
                with gr.Row(elem_classes="actions"):
                    download = gr.Button(t_client("train.download"), size="sm", elem_id="train-download")
                    zipped = build_download("train-zip")
                if services.settings.ephemeral:
                    gr.Markdown(t_client("train.ephemeral"), elem_classes="warn", elem_id="train-ephemeral")
                zip_state = gr.HTML(padding=False)
                preference.build(services, shared, chosen)
                export_merge.build_export(services, shared, chosen)
                publish.build_publish(services, shared, what="adapter", chosen=chosen)
    shown = gr.State(())

    inputs = [shared.key, chosen]
    outputs = [chosen, runs, history, picture, stop, resume, delete, talk, result, made.model, shown]
    refreshing = {"fn": handlers.refresh, "inputs": [*inputs, shown], "outputs": outputs, "queue": False, **EVENT}
    shared.changed["runs"].click(**refreshing, trigger_mode="always_last")
    runs.input(lambda picked: picked, runs, chosen, queue=False, **EVENT).then(**refreshing)
    made.started.then(**refreshing)
    stop.click(handlers.stop, inputs, None, queue=False, **EVENT).then(**refreshing)
    resume.click(handlers.resume, inputs, None, queue=False, **EVENT).then(**refreshing)
    delete.click(lambda: gr.Column(visible=True), None, sure, queue=False, **EVENT)
    chosen.change(lambda: gr.Column(visible=False), None, sure, queue=False, **EVENT)
    no.click(lambda: gr.Column(visible=False), None, sure, queue=False, **EVENT)
    yes.click(handlers.delete, inputs, chosen, queue=False, **EVENT).then(**refreshing)
    talk.click(handlers.talk, inputs, [shared.conversation, shared.tabs], **EVENT)
    zipped.after(download.click(handlers.download_zip, inputs, [zipped.file, zip_state], **EVENT))
