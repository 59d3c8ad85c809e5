// take_ja.js - 画像を持ち出すときの言葉。
export default {
    'take.title': 'この画像を取り出す',
    'take.text': '表示中のウィンドウのスライス全体に、患者・提供元・あなたの名前・目的を下に付けます。取り出したことは記録されます。',
    'take.purpose': '目的は何ですか。',
    'take.care': '診療のため',
    'take.explanation': '患者への説明のため',
    'take.conference': '症例検討のため',
    'take.marks': '書き込みも入れる',
    'take.copy': 'コピー',
    'take.save': 'PNGで保存',
    'take.print': '印刷',
    'take.making': '準備しています…',
    'take.done.copy': 'クリップボードにコピーしました。',
    'take.done.save': 'ダウンロードに保存しました。',
    'take.done.print': '',
    'take.notAllowed': '提供元の医療機関または同意、あるいはあなたの役割では、この検査の画像を取り出せません。',
};
